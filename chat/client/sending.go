package client

import (
	"context"
	"log/slog"
	"maps"

	"chorus/chat/notice"
	"chorus/chat/rule"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Emit publishes an event to the cluster and calls done with the outcome. While Redis is away, an event without done
// waits for it; the others fail at once, so that the sender can decide what to do.
func (c *Clients) Emit(event []any, opts *socket.BroadcastOptions, done func(error)) {
	c.Publisher.Publish(&parser.Packet{Type: parser.EVENT, Data: event}, opts, done)
}

// EmitFor is send for a request, which is answered with the outcome.
func (ca *Call) EmitFor(r string, event []any, opts *socket.BroadcastOptions, a *Action, answer map[string]any) {
	if !ca.Asked {
		ca.all.Emit(event, opts, nil)
		ca.all.TellHooks(a, nil)
		return
	}
	maps.Copy(answer, a.Ack)
	ca.all.Emit(event, opts, func(err error) {
		ca.all.TellHooks(a, err)
		if err != nil {
			ca.Refuse(r, err)
			return
		}
		ca.OK(answer)
	})
}

// Tells reports whether a back end is told of a kind of thing in a room; "" is a conversation, or everywhere.
func (c *Clients) Tells(kind, room string) bool {
	return c.Options.Targets != nil && c.Options.Targets.Wants(kind, room)
}

// Notify puts a notice into the queues. What happened has happened, so a failure is no failure of the request.
func (c *Clients) Notify(ctx context.Context, n *notice.Notice) {
	if err := c.Store.Notify(ctx, n); err != nil {
		c.stats.Unnoticed.Add(1)
		c.Options.Logger.LogAttrs(ctx, slog.LevelWarn, "back ends are not told of something: the queue did not take it", slog.String("kind", n.Kind), slog.Any("error", err))
	}
}

// ToldUser is a user in a notice; nil is the system.
func ToldUser(user rule.User) any {
	if user.ID == "" {
		return nil
	}
	return notice.User{ID: user.ID, Name: user.Name}
}
