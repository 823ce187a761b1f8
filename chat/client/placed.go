package client

import (
	"log/slog"
)

// beginPlaced puts the client into the rooms that the program has named for the sockets of its user that come.
func (cl *Client) beginPlaced() {
	user := cl.User().ID
	if user == "" {
		return
	}
	c := cl.all
	ctx, cancel := c.Context()
	defer cancel()
	rooms, err := c.Store.Placed(ctx, user)
	if err != nil {
		c.Debug("nobody knows into which rooms the program has put a user", slog.Any("error", err))
	}
	for _, room := range rooms {
		cl.Put(room)
	}
}
