package own

import (
	"log/slog"
	"slices"

	"chorus/chat/client"
	"chorus/chat/event"
	"chorus/chat/message"
	"chorus/chat/rule"
	"chorus/chat/shape"
)

// Events are the declared events.
type Events struct {
	*client.Clients
	messages *message.Messages
}

// Declare adds the declared events to the requests of their namespaces.
func Declare(clients *client.Clients, m *message.Messages) {
	c := &Events{clients, m}
	for _, e := range c.Options.Events {
		c.Handle(e.Namespace, []client.Request{c.declared(e)})
		c.CountOnline = c.CountOnline || tellsOnline(e)
	}
	for _, e := range c.Options.OnConnect {
		c.CountOnline = c.CountOnline || tellsOnline(e)
	}
	c.Greet = c.greet
	if c.Options.Relay {
		c.Relayed = func(name string) *client.Request {
			r := c.declared(&event.Event{Declaration: event.Declaration{Name: name, To: event.Everyone}})
			return &r
		}
	}
}

func tellsOnline(e *event.Event) bool {
	return slices.ContainsFunc(e.Counts(), func(p shape.Placeholder) bool { return p.Kind == shape.Online })
}

// greet does what is declared for clients that connect.
func (c *Events) greet(cl *client.Client) {
	e := c.Options.OnConnect[cl.Socket.Nsp().Name()]
	if e == nil {
		return
	}
	ca := &client.Call{Client: cl, Reply: func(...any) {}}
	if err := (&own{Call: ca, owned: c, event: e, id: rule.NewID(), at: rule.Now()}).run(); err != nil {
		c.Debug("what is declared for clients that connect was not done", slog.Any("error", err))
	}
}
