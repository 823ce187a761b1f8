package chat

import (
	"log/slog"
	"slices"

	"chorus/chat/event"
	"chorus/chat/rule"
	"chorus/chat/shape"
	"chorus/chat/store"
)

// declare adds the declared events to the requests of their namespaces.
func (c *Chat) declare() {
	for _, e := range c.opts.Events {
		of := c.requests[e.Namespace]
		if of == nil {
			of = make(requests)
			c.requests[e.Namespace] = of
		}
		of[e.Name] = c.declared(e)
		c.countsOnline = c.countsOnline || tellsOnline(e)
	}
	for _, e := range c.opts.OnConnect {
		c.countsOnline = c.countsOnline || tellsOnline(e)
	}
	if c.opts.Relay {
		c.relayed = func(name string) *request {
			return c.declared(&event.Event{Declaration: event.Declaration{Name: name, To: event.Everyone}})
		}
	}
}

// Declared returns how many events are declared.
func (c *Chat) Declared() int { return len(c.opts.Events) }

func tellsOnline(e *event.Event) bool {
	return slices.ContainsFunc(e.Counts(), func(p shape.Placeholder) bool { return p.Kind == shape.Online })
}

// greet does what is declared for clients that connect.
func (cl *client) greet() {
	e := cl.chat.opts.OnConnect[cl.socket.Nsp().Name()]
	if e == nil {
		return
	}
	ca := &call{client: cl, reply: func(...any) {}}
	if err := (&own{call: ca, event: e, id: rule.NewID(), at: rule.Now()}).run(); err != nil {
		cl.chat.debug("what is declared for clients that connect was not done", slog.Any("error", err))
	}
}

// beginOnline counts the client among the users who are online, where anybody is told.
func (cl *client) beginOnline() {
	c := cl.chat
	cl.mu.Lock()
	count := c.countsOnline && !cl.online && !cl.gone
	cl.online = cl.online || count
	cl.mu.Unlock()
	if !count {
		return
	}
	ctx, cancel := c.context()
	defer cancel()
	member := store.Member{User: cl.presenceID(), Name: cl.user().Name}
	if _, err := c.store.Enter(ctx, onlineLog, string(cl.socket.Id()), member); err != nil {
		c.debug("the store does not know yet that a client is online", slog.Any("error", err))
	}
	cl.mu.Lock()
	gone := cl.gone
	cl.mu.Unlock()
	if gone {
		cl.endOnline()
	}
}

// endOnline ends what beginOnline began.
func (cl *client) endOnline() {
	c := cl.chat
	cl.mu.Lock()
	online := cl.online
	cl.online = false
	cl.mu.Unlock()
	if !online {
		return
	}
	c.tasks.Go(func() { // ends when the store has answered
		ctx, cancel := c.context()
		defer cancel()
		_, _ = c.store.Leave(ctx, onlineLog, string(cl.socket.Id()), c.opts.Presence.Grace) // the store goes on by itself
	})
}
