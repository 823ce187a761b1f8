package main

import (
	"encoding/json"
	"fmt"
	"os"

	"chorus/node"

	"github.com/goccy/go-yaml"
)

type checkCommand struct {
	configFlags
	redisFlag
	RedisACL bool `name:"redis-acl" help:"Print the command that makes a user on Redis with the permissions that a node needs, instead."`
	JSON     bool `name:"json" help:"Print JSON."`
}

// Run prints the configuration in force.
func (c *checkCommand) Run() error {
	cfg, err := c.loadValid(&c.redisFlag)
	if err != nil {
		return err
	}
	if c.RedisACL {
		_, err := fmt.Println(node.RedisACL(cfg))
		return err
	}
	text, err := yaml.Marshal(cfg.Redacted())
	if err != nil {
		return err
	}
	if c.JSON {
		if text, err = yaml.YAMLToJSON(text); err != nil {
			return err
		}
		return printJSON(os.Stdout, json.RawMessage(text))
	}
	_, err = os.Stdout.Write(text)
	return err
}
