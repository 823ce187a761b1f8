package chat_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"chorus/adapter"
	"chorus/chat"
	"chorus/chat/memory"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A program talks in a room without any client; Close ends every goroutine.
func TestProgram(t *testing.T) {
	t.Parallel()
	opts := socket.DefaultServerOptions()
	opts.SetAdapter(adapter.NewMemory())
	opts.SetServeClient(false)
	server := socket.NewServer(nil, opts)
	kept := memory.New(memory.Options{})
	c, err := chat.New(server.Sockets(), chat.Options{
		Store: kept, Rooms: []chat.RoomPolicy{{Match: "team-*", History: chat.Bounds{Messages: 10}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		if err := kept.Close(context.Background()); err != nil {
			t.Error(err)
		}
		server.Close(nil)
	})
	c.Before(func(_ context.Context, a *chat.Action) error {
		if a.Kind == chat.ActionPublish && a.Room == "team-closed" {
			return &chat.Error{Code: "closed", Message: "this room is closed"}
		}
		return nil
	})

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	posted, err := c.Publish(ctx, chat.Post{Room: "team-red", ID: "m1", Value: json.RawMessage(`"hello"`)})
	if err != nil || posted.Seq != 1 {
		t.Fatalf("publish: %+v, %v", posted, err)
	}
	page, err := c.History(ctx, "team-red", chat.PageQuery{Limit: 10})
	if err != nil || len(page.Messages) != 1 || string(page.Messages[0].Value) != `"hello"` {
		t.Errorf("history: %+v, %v", page, err)
	}
	if _, err := c.Publish(ctx, chat.Post{Room: "team-closed", Value: 1}); c.Refusal(err).Code != "closed" {
		t.Errorf("a hook refused it: %v", err)
	}
	if until, err := c.Moderate(ctx, chat.Measure{Action: chat.Mute, Room: "team-red", User: "bob", For: time.Hour}); err != nil || until == 0 {
		t.Errorf("mute: %d, %v", until, err)
	}
	if rules, err := c.Rules(ctx, "team-red", "", 0); err != nil || len(rules.Bars) != 1 || rules.Bars[0].User != "bob" {
		t.Errorf("rules: %+v, %v", rules, err)
	}
	if stats, err := c.ClusterStats(ctx); err != nil || stats.Sockets != 0 {
		t.Errorf("stats: %+v, %v", stats, err)
	}
}
