// Command server is this project's node for the benchmarks: the node as it is, configured by
// CHORUS_* variables but without limits of rates, with
// rooms that keep a history, and one more event, "echo", which is acknowledged with its argument.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"chorus/node"
	"chorus/node/config"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	cfg, err := node.LoadConfig("")
	if err != nil {
		return err
	}
	cfg.Limits.NoRates()
	cfg.Chat.Rooms = []config.RoomConfig{
		{Match: "history-*", History: config.HistoryConfig{Messages: 1000}},
		{Match: "presence-*", Presence: true},
	}
	n, err := node.New(cfg) // a node lives until it is closed, which Run does when ctx ends
	if err != nil {
		return err
	}
	if err := n.IO().On("connection", echo); err != nil {
		return err
	}
	return n.Run(ctx) // its log says where it listens
}

// echo registers the event on a new socket.
func echo(args ...any) {
	s := args[0].(*socket.Socket) //nolint:errcheck,forcetypeassert // the library's contract for this event
	_ = s.On("echo", func(args ...any) {
		if len(args) != 2 {
			return
		}
		if ack, ok := args[1].(socket.Ack); ok {
			ack(args[:1], nil)
		}
	})
}
