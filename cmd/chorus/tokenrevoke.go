package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"chorus/auth/revocation"
	"chorus/auth/token"
	"chorus/cmd/chorus/report"
	"chorus/node"
)

type tokenRevokeCommand struct {
	configFlags
	redisFlag
	Token  string        `arg:"" optional:"" help:"The token, or - to read it from standard input. It is revoked by its jti until it expires."`
	ID     string        `name:"id" placeholder:"JTI" help:"Revoke the token with this jti."`
	Sub    string        `placeholder:"ID" help:"Revoke all tokens of this subject, also those that are still to be made."`
	Before string        `placeholder:"TIME" help:"With --sub: only tokens issued before then, as 2026-01-31T12:00:00Z or now."`
	Until  string        `placeholder:"TIME" help:"When to forget it, as 2026-01-31T12:00:00Z or forever. Default: a little after the end of the token, else after auth.revocation_keep (720h)."`
	For    time.Duration `placeholder:"DURATION" help:"The same, counted from now, as 24h."`
	Undo   bool          `help:"Take it back."`
	List   bool          `help:"Print the revocations in force."`
	JSON   bool          `name:"json" help:"With --list: print JSON."`
}

// revocationPatience is how long Redis may take to answer.
const revocationPatience = 5 * time.Second

// Run revokes, takes back or lists.
func (c *tokenRevokeCommand) Run(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	cfg, err := c.loadCluster(&c.redisFlag)
	if err != nil {
		return err
	}
	revocations, closeAll, err := node.OpenRevocations(cfg) // it lives until it is closed
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, revocationPatience)
	defer cancel()
	return errors.Join(c.run(ctx, cfg, revocations, os.Stdin, os.Stdout), closeAll(context.WithoutCancel(ctx)))
}

// check refuses flags that contradict each other.
func (c *tokenRevokeCommand) check() error {
	what := 0
	for _, given := range []bool{c.Token != "", c.ID != "", c.Sub != "", c.List} {
		if given {
			what++
		}
	}
	switch {
	case what != 1:
		return usagef("say what to revoke with one of: a token, --id, --sub; or --list what is")
	case c.Before != "" && c.Sub == "":
		return usagef("--before goes with --sub only")
	case c.Until != "" && c.For != 0:
		return usagef("--until and --for say the same: use one")
	case c.For < 0:
		return usagef("--for %s: it would have ended already", c.For)
	case c.List && c.Undo:
		return usagef("--undo needs to know what: a token, --id or --sub")
	case c.JSON && !c.List:
		return usagef("--json goes with --list only")
	case (c.Undo || c.List) && (c.Until != "" || c.For != 0):
		return usagef("--until and --for go with revoking only")
	}
	return nil
}

func (c *tokenRevokeCommand) run(ctx context.Context, cfg node.Config, revocations *revocation.Set, in io.Reader, out io.Writer) error {
	if c.List {
		if err := revocations.Wait(ctx); err != nil {
			return err
		}
		if c.JSON {
			return printRevocationsJSON(out, revocations.List())
		}
		return printRevocations(out, revocations.List())
	}
	what, err := c.revocation(ctx, cfg, in, time.Now())
	if errors.Is(err, token.ErrExpired) {
		_, err = fmt.Fprintln(out, "The token has expired: no node takes it any more.")
		return err
	}
	if err != nil {
		return err
	}
	verb, change := "Revoked", revocations.Revoke
	if c.Undo {
		verb, change = "No longer revoked", revocations.Undo
	}
	if err := change(ctx, what); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: %s.\n", verb, describe(what))
	return err
}

// revocation is what the flags say.
func (c *tokenRevokeCommand) revocation(ctx context.Context, cfg node.Config, in io.Reader, now time.Time) (revocation.Revocation, error) {
	what := revocation.Revocation{TokenID: c.ID, Subject: c.Sub}
	var err error
	if c.Token != "" {
		if what, err = c.ofToken(ctx, cfg, in); err != nil {
			return what, err
		}
	}
	if c.Before != "" {
		if what.IssuedBefore, err = parseTime("--before", c.Before, "now", now); err != nil {
			return what, err
		}
	}
	switch {
	case c.Until != "":
		what.Until, err = parseTime("--until", c.Until, "forever", revocation.Forever)
	case c.For > 0:
		what.Until = now.Add(c.For)
	}
	return what, err
}

// ofToken names a token by its id, until no node can take it any more whatever its leeway. Without a key it
// takes what the token says: an operator may revoke any id.
func (c *tokenRevokeCommand) ofToken(ctx context.Context, cfg node.Config, in io.Reader) (revocation.Revocation, error) {
	text, err := readToken(c.Token, in)
	if err != nil {
		return revocation.Revocation{}, err
	}
	if !cfg.HasKeys() {
		return ofUnverified(text)
	}
	verifier, err := node.NewVerifier(cfg) // it lives until it is closed
	if err != nil {
		return revocation.Revocation{}, err
	}
	defer verifier.Close() //nolint:errcheck // it has nothing to lose
	claims, err := verifier.Verify(ctx, text)
	switch {
	case err != nil:
		return revocation.Revocation{}, fmt.Errorf("nothing is revoked, the token is not good for the nodes of this configuration: %w; --id and --sub need no token", err)
	case claims.ID() == "":
		return revocation.Revocation{}, errors.New("the token has no jti to tell it from others: use --sub, with --before now when new tokens are to be good")
	}
	what := revocation.Revocation{TokenID: claims.ID(), Until: revocation.Forever}
	if !claims.ExpiresAt().IsZero() {
		what.Until = claims.ExpiresAt().Add(token.MaxLeeway)
	}
	return what, nil
}

// ofUnverified is ofToken without a key.
func ofUnverified(text string) (revocation.Revocation, error) {
	claims := report.Read(text).Claims
	id, _ := claims["jti"].(string)
	if id == "" {
		return revocation.Revocation{}, errors.New("this is no token with a jti: use --id, or --sub with --before now when new tokens are to be good")
	}
	what := revocation.Revocation{TokenID: id, Until: revocation.Forever}
	if date, ok := report.DateOf(claims["exp"]); ok {
		what.Until = date.Add(token.MaxLeeway)
	}
	return what, nil
}

// parseTime reads a time, or a word for one.
func parseTime(flag, text, word string, meaning time.Time) (time.Time, error) {
	if text == word {
		return meaning, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, usagef("%s %q: write %s, or a time as 2026-01-31T12:00:00Z", flag, text, word)
	}
	return t, nil
}

func describe(r revocation.Revocation) string {
	switch {
	case r.TokenID != "":
		return fmt.Sprintf("the token with the id %q", r.TokenID)
	case r.IssuedBefore.IsZero():
		return fmt.Sprintf("all tokens of %q", r.Subject)
	}
	return fmt.Sprintf("the tokens of %q issued before %s", r.Subject, r.IssuedBefore.UTC().Format(time.RFC3339))
}

// listedRevocation is a revocation as --json prints it. Times are RFC 3339; no until is for ever.
type listedRevocation struct {
	ID           string     `json:"id,omitempty"`
	Subject      string     `json:"sub,omitempty"`
	IssuedBefore *time.Time `json:"issuedBefore,omitempty"`
	At           time.Time  `json:"at"`
	Until        *time.Time `json:"until,omitempty"`
}

func printRevocationsJSON(out io.Writer, list []revocation.Revocation) error {
	listed := make([]listedRevocation, len(list))
	for i, r := range list {
		listed[i] = listedRevocation{ID: r.TokenID, Subject: r.Subject, At: r.At.UTC()}
		if !r.IssuedBefore.IsZero() {
			before := r.IssuedBefore.UTC()
			listed[i].IssuedBefore = &before
		}
		if until := r.Until.UTC(); until.Before(revocation.Forever) {
			listed[i].Until = &until
		}
	}
	return printJSON(out, map[string]any{"revocations": listed})
}

func printRevocations(out io.Writer, list []revocation.Revocation) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "Nothing is revoked.")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SINCE\tUNTIL\tREVOKED") //nolint:errcheck // Flush returns it
	for _, r := range list {
		until := "forever"
		if r.Until.Before(revocation.Forever) {
			until = r.Until.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", r.At.Format(time.RFC3339), until, describe(r)) //nolint:errcheck // Flush returns it
	}
	return table.Flush()
}
