package main

import (
	"fmt"
	"os"

	"chorus/node"

	"github.com/goccy/go-yaml"
)

type checkCommand struct {
	configFlags
	RedisACL bool `name:"redis-acl" help:"Print the command that makes a user on Redis with the permissions that a node needs, instead."`
}

// Run prints the configuration in force.
func (c *checkCommand) Run() error {
	cfg, err := c.loadValid()
	if err != nil {
		return err
	}
	if c.RedisACL {
		_, err := fmt.Println(node.RedisACL(cfg))
		return err
	}
	return yaml.NewEncoder(os.Stdout).Encode(cfg.Redacted())
}
