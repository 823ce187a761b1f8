// The program is a node with an event of its own, which says something in a room.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"chorus/auth"
	"chorus/chat"
	"chorus/codec"
	"chorus/node"
	"chorus/node/config"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	cfg := node.DefaultConfig()
	cfg.Auth.Secret = os.Getenv("CHORUS_AUTH_SECRET")
	cfg.Listen = os.Getenv("CHORUS_LISTEN")
	cfg.Admin.Listen = ""
	cfg.Chat.Rooms = []config.RoomConfig{{Match: "*", History: config.HistoryConfig{Messages: 1000}, Presence: true}}
	n, err := node.New(cfg)
	if err != nil {
		return err
	}
	n.Chat().Before(func(_ context.Context, a *chat.Action) error {
		if a.Kind == chat.ActionJoin && a.Room == "closed" {
			return &chat.Error{Code: "closed", Message: "this room is closed"}
		}
		return nil
	})
	err = n.IO().On("connection", func(args ...any) {
		s := args[0].(*socket.Socket) //nolint:errcheck,forcetypeassert // the library's contract for this event
		_ = s.On("roll", func(args ...any) {
			args, reply := codec.SplitAck(args)
			room, err := codec.Arg[string]("roll", args, 0)
			if err != nil {
				reply(err.Error())
				return
			}
			text := fmt.Sprintf("%s rolls a four", auth.FromSocket(s).Subject())
			posted, err := n.Chat().Publish(ctx, chat.Post{Room: room, Value: map[string]any{"text": text}})
			if err != nil {
				reply(err.Error())
				return
			}
			reply(map[string]any{"ok": true, "seq": posted.Seq})
		})
	})
	if err != nil {
		return err
	}
	return n.Run(ctx)
}
