package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"chorus/auth"
	"chorus/auth/refusal"
	"chorus/auth/token"
	"chorus/cmd/chorus/report"
	"chorus/node"
)

type tokenCheckCommand struct {
	configFlags
	redisFlag
	JSON  bool   `name:"json" help:"Print JSON."`
	Token string `arg:"" help:"The token, or - to read it from standard input, where nobody else on this machine sees it."`
	Room  string `help:"Say what the token may do with this room. Default: the patterns of rooms."`
}

const (
	// checkPatience is how long the issuer may take to give its keys, and Redis the revocations.
	checkPatience = 10 * time.Second

	// maxTokenInput bounds what is read of standard input.
	maxTokenInput = 1 << 20
)

// Run checks a token as a node does.
func (c *tokenCheckCommand) Run(ctx context.Context) error {
	cfg, err := c.loadValid(&c.redisFlag)
	if err != nil {
		return err
	}
	return c.check(ctx, cfg, os.Stdin, os.Stdout)
}

func (c *tokenCheckCommand) check(ctx context.Context, cfg node.Config, in io.Reader, out io.Writer) error {
	token, err := readToken(c.Token, in)
	if err != nil {
		return err
	}
	verifier, err := node.NewVerifier(cfg) // it lives until it is closed
	if err != nil {
		return err
	}
	defer verifier.Close() //nolint:errcheck // it has nothing to lose
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	claims, err := verifier.Verify(ctx, token)
	known := "whether it was revoked is not looked up without cluster.redis.url"
	if err == nil && cfg.Cluster.Redis.URL != "" {
		known, err = lookUp(ctx, cfg, claims)
	}
	content, now := report.Read(token), time.Now()
	var refused error
	if err != nil {
		refused = fmt.Errorf("the token is not good: %s (%s): %s", refusal.Reason(err), refusal.Code(err), report.Remedy(err, content, &cfg, now))
	}
	if c.JSON {
		return errors.Join(refused, printJSON(out, report.JSON(content, claims, c.Room, known, err, &cfg, now)))
	}
	_, writeErr := io.WriteString(out, report.Text(content, claims, c.Room, known, err, now))
	return errors.Join(refused, writeErr)
}

// lookUp returns token.ErrRevoked for a token that was revoked, and else what is known about that: a
// Redis that is away is no reason to say nothing about a token.
func lookUp(ctx context.Context, cfg node.Config, claims *auth.Claims) (known string, err error) {
	revocations, closeAll, err := node.OpenRevocations(cfg) // it lives until it is closed
	if err != nil {
		return "", err
	}
	defer closeAll(context.WithoutCancel(ctx)) //nolint:errcheck // it has nothing to lose
	ctx, cancel := context.WithTimeout(ctx, revocationPatience)
	defer cancel()
	switch err := revocations.Wait(ctx); {
	case err != nil:
		return "whether it was revoked is not known: " + oneLine(err), nil
	case revocations.Revoked(claims):
		return "", token.ErrRevoked
	}
	return "it was not revoked", nil
}

// readToken returns the token that an argument means, also when it was copied with the word Bearer.
func readToken(argument string, in io.Reader) (string, error) {
	token := argument
	if token == "-" {
		text, err := io.ReadAll(io.LimitReader(in, maxTokenInput))
		if err != nil {
			return "", fmt.Errorf("standard input: %w", err)
		}
		token = string(text)
	}
	token = strings.TrimSpace(token)
	if word, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(word, "bearer") {
		token = strings.TrimSpace(rest)
	}
	return token, nil
}
