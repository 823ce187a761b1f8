package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"chorus/node"
)

type emitCommand struct {
	configFlags
	redisFlag
	Event     string        `arg:"" help:"Name of the event."`
	Values    []string      `arg:"" optional:"" name:"json" help:"Arguments of the event, each as JSON: '{\"text\":\"hi\"}', or '\"hi\"'."`
	Room      []string      `placeholder:"ROOM" sep:"none" help:"Only clients in this room, which may be the id of a socket. Can be repeated: in any of them."`
	Except    []string      `placeholder:"ROOM" sep:"none" help:"Not to clients in this room. Can be repeated."`
	Namespace string        `default:"/" placeholder:"NAME" help:"Namespace, as /chat."`
	Volatile  bool          `help:"Clients that do not keep up may miss it."`
	Timeout   time.Duration `default:"5s" help:"How long Redis may take."`
}

// Run sends an event to clients of the cluster.
func (c *emitCommand) Run(ctx context.Context) (err error) {
	args, err := c.args()
	if err != nil {
		return err
	}
	cfg, err := c.loadCluster(&c.redisFlag)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	e, closeClient, err := node.OpenEmitter(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeClient()) }()
	e = e.Of(c.Namespace).To(c.Room...).Except(c.Except...)
	if c.Volatile {
		e = e.Volatile()
	}
	return e.Emit(ctx, c.Event, args...)
}

// args returns the arguments, whose text stays as it is.
func (c *emitCommand) args() ([]any, error) {
	args := make([]any, len(c.Values))
	for i, text := range c.Values {
		if !json.Valid([]byte(text)) {
			return nil, usagef("%s is not JSON: a text needs quotes that the shell leaves to it, as '%q'", text, text)
		}
		args[i] = json.RawMessage(text)
	}
	return args, nil
}
