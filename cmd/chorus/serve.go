package main

import (
	"context"

	"chorus/node"
)

type serveCommand struct {
	configFlags
	Listen string `placeholder:"ADDRESS" help:"Address of the public endpoints, as :3000."`
	Redis  string `placeholder:"URL" help:"Redis of the cluster, as redis://localhost:6379."`
}

// Run serves until the process is told to end.
func (c *serveCommand) Run(ctx context.Context) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if c.Listen != "" {
		cfg.Listen = c.Listen
	}
	if c.Redis != "" {
		cfg.Cluster.Redis.URL = c.Redis
	}
	n, err := node.New(cfg) //nolint:contextcheck // a node lives until it is closed, which Run does when ctx ends
	if err != nil {
		return err
	}
	return n.Run(ctx)
}
