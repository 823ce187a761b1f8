package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"chorus/auth"
	"chorus/chat"
	"chorus/node"
)

type whyCommand struct {
	configFlags
	redisFlag
	User  string   `placeholder:"ID" help:"The user: the claim sub of its token. Without --token and --claim the defaults of the configuration decide."`
	Room  string   `help:"The room, or the first argument of the event."`
	Event string   `help:"A declared event."`
	Token string   `help:"A token of the user, or - to read it from standard input."`
	Claim []string `sep:"none" placeholder:"KEY=VALUE" help:"A claim of the user's token. A value that is JSON is taken as that, else as text. Can be repeated."`
	JSON  bool     `name:"json" help:"Print JSON."`
}

// Run explains what a user may do, and which rule decides.
func (c *whyCommand) Run(ctx context.Context) error {
	cfg, err := c.loadValid(&c.redisFlag)
	if err != nil {
		return err
	}
	return c.explain(ctx, cfg, os.Stdin, os.Stdout)
}

func (c *whyCommand) explain(ctx context.Context, cfg node.Config, in io.Reader, out io.Writer) error {
	if c.Room == "" && c.Event == "" {
		return usagef("name a --room, an --event, or both")
	}
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	claims, err := c.claims(ctx, cfg, in)
	if err != nil {
		return err
	}
	explainer, closeAll, err := node.OpenExplainer(cfg) // it lives until it is closed
	if err != nil {
		return err
	}
	defer closeAll() //nolint:errcheck // it has nothing to lose
	var verdicts []chat.Verdict
	if c.Room != "" {
		if verdicts, err = explainer.Room(ctx, claims, c.Room); err != nil {
			return err
		}
	}
	if c.Event != "" {
		verdict, err := explainer.Event(ctx, claims, c.Event, c.Room)
		if err != nil {
			return err
		}
		verdicts = append(verdicts, verdict)
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(map[string]any{"user": claims.Subject(), "room": c.Room, "verdicts": verdicts})
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, v := range verdicts {
		answer := "yes"
		if !v.Allowed {
			answer = "no: " + v.Code
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", v.Action, answer, v.Why)
	}
	return table.Flush()
}

// claims returns those of the token, or those that a token with nothing but the user and the claims of the flags has.
func (c *whyCommand) claims(ctx context.Context, cfg node.Config, in io.Reader) (*auth.Claims, error) {
	if c.Token == "" {
		if c.User == "" {
			return nil, usagef("name a --user, or give a --token")
		}
		claims := map[string]any{"sub": c.User}
		for _, claim := range c.Claim {
			key, text, ok := strings.Cut(claim, "=")
			if !ok || key == "" {
				return nil, usagef("--claim %s: write it as KEY=VALUE", claim)
			}
			claims[key] = claimValue(text)
		}
		return node.ClaimsOf(ctx, cfg, claims)
	}
	text, err := readToken(c.Token, in)
	if err != nil {
		return nil, err
	}
	verifier, err := node.NewVerifier(cfg) // it lives until it is closed
	if err != nil {
		return nil, err
	}
	defer verifier.Close() //nolint:errcheck // it has nothing to lose
	claims, err := verifier.Verify(ctx, text)
	if err == nil && c.User != "" && c.User != claims.Subject() {
		return nil, usagef("--user %s: the token is that of %s", c.User, claims.Subject())
	}
	return claims, err
}
