package chat

import (
	"log/slog"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// beginPlaced puts the client into the rooms that the program has named for the sockets of its user that come.
func (cl *client) beginPlaced() {
	user := cl.user().ID
	if user == "" {
		return
	}
	c := cl.chat
	ctx, cancel := c.context()
	defer cancel()
	rooms, err := c.store.Placed(ctx, user)
	if err != nil {
		c.debug("nobody knows into which rooms the program has put a user", slog.Any("error", err))
	}
	for _, room := range rooms {
		cl.put(room)
	}
}

// opened returns the namespaces that the Chat serves.
func (c *Chat) opened() []socket.Namespace {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]socket.Namespace{}, c.namespaces...)
}
