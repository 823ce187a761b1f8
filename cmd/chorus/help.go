package main

import (
	"context"
	"slices"
)

type helpCommand struct {
	Command []string `arg:"" optional:"" help:"The command, as serve or token revoke."`
}

// Run prints the help, as --help does.
func (c *helpCommand) Run(ctx context.Context) error {
	_, err := newParser(ctx).Parse(append(slices.Clone(c.Command), "--help")) // it prints, then ends the process
	return usageError{err}
}
