package main

import (
	"os"

	"github.com/goccy/go-yaml"
)

type checkCommand struct{ configFlags }

// Run prints the configuration in force.
func (c *checkCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	return yaml.NewEncoder(os.Stdout).Encode(cfg.Redacted())
}
