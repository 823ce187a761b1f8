package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"chorus/node"
)

type serveCommand struct {
	configFlags
	redisFlag
	Listen string `placeholder:"ADDRESS" help:"Address of the public endpoints, as :3000."`
}

// Run serves until the process is told to end. SIGHUP has it read its configuration again.
func (c *serveCommand) Run(ctx context.Context) error {
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP)
	defer signal.Stop(hangUp)

	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	cfg.Load = c.configuration
	n, err := node.New(cfg) // a node lives until it is closed, which Run does when ctx ends
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	var reloads sync.WaitGroup
	reloads.Go(func() { // ends with the node
		for {
			select {
			case <-hangUp:
				c.reload(n)
			case <-ended:
				return
			}
		}
	})
	defer reloads.Wait()
	defer close(ended)
	return n.Run(ctx)
}

// reload has the node use the configuration as it is now.
func (c *serveCommand) reload(n *node.Node) {
	cfg, err := c.configuration()
	if err == nil {
		_, err = n.Reload(cfg)
	}
	if err != nil {
		n.Logger().Error("configuration not reloaded, the one before stays in force", slog.String("error", oneLine(err)))
	}
}

// configuration returns what the file, the variables and the flags say.
func (c *serveCommand) configuration() (node.Config, error) {
	cfg, err := c.load()
	cfg.Version = versionText()
	if c.Listen != "" {
		cfg.Listen = c.Listen
	}
	c.apply(&cfg)
	if err != nil {
		err = errors.Join(err, node.Validate(cfg)) // all that is wrong at once
	}
	return cfg, err
}
