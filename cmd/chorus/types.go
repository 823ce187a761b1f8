package main

import (
	"fmt"

	"chorus/chat/event"
	"chorus/node"
)

type typesCommand struct {
	configFlags
}

// Run prints the types of the declared events.
func (c *typesCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	events, err := node.DeclaredEvents(cfg)
	if err != nil {
		return err
	}
	fmt.Print(event.TypeScript(events))
	return nil
}
