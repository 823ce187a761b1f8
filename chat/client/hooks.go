package client

import (
	"context"
	"sync/atomic"

	"chorus/auth"
	"chorus/chat/rule"
	"chorus/chat/store"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// ActionKind says what an Action is about.
type ActionKind string

// The kinds of actions.
const (
	ActionConnect ActionKind = "connect" // a client wants to connect to a namespace
	ActionRefresh ActionKind = "refresh" // a client has a new token, which Claims returns
	ActionJoin    ActionKind = "join"    // a client joins a room
	ActionLeave   ActionKind = "leave"   // a client has left a room; it cannot be refused
	ActionPublish ActionKind = "publish" // something is said in a room
	ActionDirect  ActionKind = "direct"  // something is said to a user
	ActionMessage ActionKind = "message" // something is said to everybody
	ActionEvent   ActionKind = "event"   // a declared event

	ActionEdit     ActionKind = "edit"     // a message gets another value
	ActionDelete   ActionKind = "delete"   // a message is deleted
	ActionReact    ActionKind = "react"    // a user reacts to a message, or takes that back
	ActionAppend   ActionKind = "append"   // a text goes on
	ActionModerate ActionKind = "moderate" // a Measure, which is the Value; To is the user
	ActionReport   ActionKind = "report"   // a message is reported; the Value is the reason
)

// Action is something that a client does, or the program by a method of Chat.
type Action struct {
	Kind      ActionKind
	Namespace string // of connect
	Room      string // of join, leave and publish; "@bob" for the conversation with bob
	To        string // of direct: the user
	Event     string // of event
	Args      []any  // of event
	Value     any    // of publish, direct and message: json.RawMessage as it was sent, or values with attachments. Before may replace it
	ID        string // of the message
	At        int64  // of the message, for After
	System    bool   // the program does it, and no client
	Fresh     bool   // of join: the client was no member before

	// Hook is set for a declared event that asks the authorise hook.
	Hook bool

	// Ack has members that the answer gets besides its own. Before may set it.
	Ack map[string]any

	// Answer takes the place of the whole acknowledgement of a declared event. Before may set it.
	Answer *any

	// Rooms are rooms that the client joins, whatever its token permits; Emit are events that are sent as soon as the
	// action is done; Extra are claims that the client has from then on. Before may set them. The claims of a token that
	// have a meaning of their own (sub, exp, ...) stay as they are.
	Rooms []string
	Emit  []Emission
	Extra map[string]any

	from   rule.User    // of the program
	claims *auth.Claims // of refresh
	client *Client
}

// Socket returns the socket of the client, nil for the program.
func (a *Action) Socket() *socket.Socket {
	if a.client == nil {
		return nil
	}
	return a.client.Socket
}

// User returns who does it; the zero User is the system, or a client without a token.
func (a *Action) User() rule.User {
	if a.client == nil {
		return a.from
	}
	return a.client.User()
}

// Claims returns the claims of the client, nil for the program and for a client without a token.
func (a *Action) Claims() *auth.Claims {
	if a.client == nil || a.claims != nil {
		return a.claims
	}
	return a.client.Claims()
}

// Action returns an action of the client.
func (cl *Client) Action(a Action) *Action {
	a.client = cl
	return &a
}

// SystemAction returns an action of the program; from is in whose name.
func SystemAction(from rule.User, a Action) *Action {
	a.System, a.from = true, from
	return &a
}

// hooks are what the program registered.
type hooks struct {
	before    atomic.Pointer[[]func(context.Context, *Action) error]
	after     atomic.Pointer[[]func(*Action, error)]
	delivered atomic.Pointer[[]func(room, id string)]
}

// Before has fn called before each action, when everything else permits it. fn may change the value and refuse the
// action with an error: an *Error reaches the client as it is, any other as internal_error. Several are called in the
// order of their registration. fn may wait, for as long as
// it likes; the client's further requests wait as well. Register before the node runs.
func (c *Clients) Before(fn func(context.Context, *Action) error) { push(&c.hooks.before, fn) }

// After has fn called after each action, with the error by which it failed or nil. fn must not block.
func (c *Clients) After(fn func(*Action, error)) { push(&c.hooks.after, fn) }

// OnDelivered has fn called with each message of a room with history, after this node gave it to its clients there.
// fn must not block.
func (c *Clients) OnDelivered(fn func(room, id string)) { push(&c.hooks.delivered, fn) }

// delivered calls what OnDelivered registered.
func (c *Clients) delivered(r *store.Record) {
	if fns := c.hooks.delivered.Load(); fns != nil && r.Kind == store.KindMessage {
		for _, fn := range *fns {
			fn(r.Log, r.ID)
		}
	}
}

func push[T any](list *atomic.Pointer[[]T], fn T) {
	for {
		old := list.Load()
		var next []T
		if old != nil {
			next = append(next, *old...)
		}
		next = append(next, fn)
		if list.CompareAndSwap(old, &next) {
			return
		}
	}
}

// AskHooks asks the hooks.
func (c *Clients) AskHooks(a *Action) error {
	list := c.hooks.before.Load()
	if list == nil {
		return nil
	}
	for _, fn := range *list {
		if err := fn(c.Running, a); err != nil {
			return err
		}
	}
	if a.client != nil {
		a.client.grant(a)
	}
	return nil
}

// TellHooks does what the hooks asked for, and tells them the outcome.
func (c *Clients) TellHooks(a *Action, err error) {
	if a.client != nil && err == nil {
		a.client.emitAll(a)
	}
	if list := c.hooks.after.Load(); list != nil {
		for _, fn := range *list {
			fn(a, err)
		}
	}
}
