// Command server is this project's node for the benchmarks: the node as it is, configured by
// CHORUS_* variables but without limits of rates, with rooms that keep a history, and two more events, which are acknowledged
// with their argument: "echo", and "asked", about which the authorise hook is asked.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

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
	if url := os.Getenv("BENCH_HOOK"); url != "" {
		cfg.Events = map[string]config.EventConfig{"asked": {Hook: true, Ack: map[string]any{"value": "{0}"}}}
		cfg.Hook = &config.HookConfig{ // that event alone is asked about
			URL: url, Secrets: []string{os.Getenv("BENCH_HOOK_SECRET")}, Timeout: time.Second, Concurrency: 64, Remembered: 1000,
			OnFailure: config.HookFailureConfig{Connect: "closed", Refresh: "closed", Join: "closed", Publish: "closed", Direct: "closed", Event: "closed"},
		}
	}
	if hash := os.Getenv("BENCH_API_HASH"); hash != "" {
		cfg.API.Listen = config.APIPublic
		cfg.API.Rate = config.Rate{Count: 1_000_000, Per: time.Second}
		cfg.API.Keys = []config.APIKeyConfig{{Name: "bench", Hash: hash, Scopes: []string{"publish"}}}
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
