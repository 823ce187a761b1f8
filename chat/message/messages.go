package message

import (
	"sync"

	"chorus/chat/client"
	"chorus/chat/rule"
)

// Messages says and changes messages: publish, direct, edit, delete, react, append, read, and what programs send.
type Messages struct {
	*client.Clients

	mu    sync.Mutex
	texts map[*client.Client]map[string]*text // that clients write bit by bit
}

// New returns what says and changes messages.
func New(c *client.Clients) *Messages {
	return &Messages{Clients: c, texts: make(map[*client.Client]map[string]*text)}
}

// Requests are what clients may ask for.
func (c *Messages) Requests() []client.Request {
	return []client.Request{
		{Name: rule.EventMessage, Takes: "exactly one value", Least: 1, Most: 1, Shared: true, Handle: c.message},
		{Name: rule.EventDirect, Takes: "the id of a user, one value and, if wanted, {id}", Least: 2, Most: 3, Handle: c.direct},
		{Name: rule.EventHistory, Takes: "the name of a room and, if wanted, {before, after, limit}", Least: 1, Most: 2, Handle: c.history},
		{Name: rule.EventPublish, Takes: "the name of a room, one value and, if wanted, {id, mentions}", Least: 2, Most: 3, Shared: true, Handle: c.publish},
		{Name: rule.EventEdit, Takes: "the name of a room, the id of a message, a value and, if wanted, {version}", Least: 3, Most: 4, Handle: c.edit},
		{Name: rule.EventDelete, Takes: "the name of a room and the id of a message", Least: 2, Most: 2, Handle: c.remove},
		{Name: rule.EventReact, Takes: "the name of a room, the id of a message, a key and true or false", Least: 4, Most: 4, Handle: c.react},
		{Name: rule.EventAppend, Takes: "the name of a room, the id of a message, a text and, if wanted, {done, cancel}", Least: 3, Most: 4, Handle: c.append},
		{Name: rule.EventRead, Takes: "the name of a room and the seq of a message or null", Least: 2, Most: 2, Handle: c.read},
		{Name: rule.EventUnread, Takes: "nothing or {rooms}", Least: 0, Most: 1, Handle: c.unread},
	}
}
