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
	"chorus/node"
)

type tokenCheckCommand struct {
	configFlags
	Token string `arg:"" help:"The token, or - to read it from standard input, where nobody else on this machine sees it."`
	Room  string `help:"Say what the token may do with this room. Default: the patterns of rooms."`
}

const (
	// checkPatience is how long an issuer may take to give its keys.
	checkPatience = 10 * time.Second

	// maxTokenInput bounds what is read of standard input.
	maxTokenInput = 1 << 20
)

// Run checks a token as a node does.
func (c *tokenCheckCommand) Run(ctx context.Context) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	return c.check(ctx, cfg, os.Stdin, os.Stdout)
}

func (c *tokenCheckCommand) check(ctx context.Context, cfg node.Config, in io.Reader, out io.Writer) error {
	token, err := readToken(c.Token, in)
	if err != nil {
		return err
	}
	verifier, err := node.NewVerifier(cfg) //nolint:contextcheck // it lives until it is closed
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	claims, err := verifier.Verify(ctx, token)
	content := readUnverified(token)
	now := time.Now()
	report := &tokenReport{now: now}
	if err != nil {
		report.bad(content, isGenuine(err))
		err = fmt.Errorf("the token is not good: %s (%s): %s", auth.Reason(err), auth.Code(err), remedy(err, content, &cfg, now))
	} else {
		report.good(content, claims, c.Room)
	}
	return errors.Join(err, report.writeTo(out), verifier.Close())
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
