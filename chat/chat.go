package chat

import (
	"context"
	"slices"
	"time"

	"chorus/auth"
	"chorus/chat/client"
	"chorus/chat/cluster"
	"chorus/chat/message"
	"chorus/chat/moderation"
	"chorus/chat/own"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Chat is the chat product of one node. Its methods are safe for concurrent use.
type Chat struct {
	clients    *client.Clients
	messages   *message.Messages
	moderation *moderation.Moderation
	cluster    *cluster.Nodes
}

// New makes the chat product of a namespace, whose adapter must be one of package adapter. The sockets of every
// namespace of the server must pass Watch. Close ends it.
func New(nsp socket.Namespace, opts client.Options) (*Chat, error) {
	clients, err := client.New(nsp, opts)
	if err != nil {
		return nil, err
	}
	c := &Chat{clients: clients, messages: message.New(clients), moderation: moderation.New(clients), cluster: cluster.New(clients)}
	clients.Handle(nsp.Name(), slices.Concat(clients.OwnRequests(), c.messages.Requests(), c.moderation.Requests(), c.cluster.Requests()))
	own.Declare(clients, c.messages) // one takes the place of the request of the same name
	clients.Start(sink{c})
	c.cluster.Start()
	return c, clients.Open(nsp)
}

// Open has the Chat serve the clients of a namespace. New does it for its own; a program calls it for each other
// namespace with declared events.
func (c *Chat) Open(nsp socket.Namespace) error { return c.clients.Open(nsp) }

// Watch is the middleware that makes the sockets of a namespace clients. It belongs behind the token check.
func (c *Chat) Watch(s *socket.Socket, next func(*socket.ExtendedError)) { c.clients.Watch(s, next) }

// Authenticating asks the hooks about a client that authenticates by event. It is for
// auth.MiddlewareOptions.Authenticating.
func (c *Chat) Authenticating(s *socket.Socket, claims *auth.Claims) error {
	return c.clients.Authenticating(s, claims)
}

// Refreshing asks the hooks about the new token of a client. It is for auth.MiddlewareOptions.Refreshing.
func (c *Chat) Refreshing(s *socket.Socket, claims *auth.Claims) error {
	return c.clients.Refreshing(s, claims)
}

// Refreshed makes a client leave the rooms that it has joined and that its new token does not permit. It is for
// auth.MiddlewareOptions.Refreshed and runs where the handlers of the socket run.
func (c *Chat) Refreshed(s *socket.Socket, claims *auth.Claims) { c.clients.Refreshed(s, claims) }

// Close ends the goroutines. The store need not hear of each client that leaves with the node. It is idempotent.
func (c *Chat) Close() { c.clients.Close() }

// Before has fn called before each action, when everything else permits it. fn may change the value and refuse the
// action with an error: an *Error reaches the client as it is, any other as internal_error. Several are called in the
// order of their registration. fn may wait, for as long as it likes; the client's further requests wait as well. Register
// before the node runs.
func (c *Chat) Before(fn func(context.Context, *client.Action) error) { c.clients.Before(fn) }

// After has fn called after each action, with the error by which it failed or nil. fn must not block.
func (c *Chat) After(fn func(*client.Action, error)) { c.clients.After(fn) }

// OnDelivered has fn called with each message of a room with history, after this node gave it to its clients there.
// fn must not block.
func (c *Chat) OnDelivered(fn func(room, id string)) { c.clients.OnDelivered(fn) }

// Stats returns the counters of the chat product.
func (c *Chat) Stats() *client.Stats { return c.clients.Stats() }

// Refusal returns what a client gets to know of an error of a method of Chat: a code and a message.
func (c *Chat) Refusal(err error) *Error { return c.clients.Refusal(err) }

// Timeout is how long a method of Chat waits for Redis.
func (c *Chat) Timeout() time.Duration { return c.clients.Options.Timeout }

// Declared returns how many events are declared.
func (c *Chat) Declared() int { return len(c.clients.Options.Events) }

// Rooms returns how many rooms and conversations the clients of this node are in.
func (c *Chat) Rooms() int { return len(c.clients.Lanes.Topics()) }

// Explainer returns one with the rules of this node.
func (c *Chat) Explainer() *Explainer {
	o := &c.clients.Options
	return &Explainer{Rooms: o.Rooms, Events: o.Events, Open: o.Open, Direct: o.DirectHistory, Standing: o.Store.Standing}
}
