package client

import (
	"strings"

	"chorus/chat/rule"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// ReviewBans puts the client out of the rooms from which it is banned.
func (cl *Client) ReviewBans() {
	for _, room := range cl.JoinedRooms() {
		cl.ReviewBan(room)
	}
}

// ReviewBan puts the client out of a room if it is banned there.
func (cl *Client) ReviewBan(room string) {
	if strings.HasPrefix(room, rule.UserRooms) && cl.ownRoom(room) {
		return // everybody hears what is said to them
	}
	ctx, cancel := cl.all.Context()
	defer cancel()
	standing, err := cl.Standing(ctx, cl.all.Policies.Room(room))
	if err == nil && standing.Ban != nil {
		cl.PutOut(room, rule.Barred(rule.CodeBanned, "you are banned", standing.Ban))
	}
}

func (cl *Client) ownRoom(room string) bool { return room == rule.UserRoom(cl.User().ID) }

// JoinedRooms returns the rooms that the client has joined, without conversations.
func (cl *Client) JoinedRooms() []string {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	rooms := make([]string, 0, len(cl.rooms))
	for room, m := range cl.rooms {
		if m.place.Peer == "" {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

// PutOut takes the client out of a room, also when the program has put it there, and tells it why.
func (cl *Client) PutOut(room string, why *rule.Error) {
	cl.Exit(room)
	cl.Socket.Leave(socket.Room(room))
	cl.unwatch(room)
	cl.left(room, why)
}

// ClientsIn returns the clients of a room on this node.
func (c *Clients) ClientsIn(room string) []*Client {
	var list []*Client
	for _, id := range c.Namespace.Adapter().Sockets(types.NewSet(socket.Room(room))).Keys() {
		if s, ok := c.Namespace.Sockets().Load(id); ok {
			if cl := Of(s); cl != nil {
				list = append(list, cl)
			}
		}
	}
	return list
}

// Put makes the client a member of a room, as the program wants.
func (cl *Client) Put(room string) {
	if cl.Joined(room) {
		return
	}
	cl.Socket.Join(socket.Room(room))
	cl.rejoin(room)
}

// ClientsOf returns the clients of a user on this node.
func (c *Clients) ClientsOf(user string) []*Client {
	var list []*Client
	for _, id := range c.Namespace.Adapter().Sockets(types.NewSet(socket.Room(rule.UserRoom(user)))).Keys() {
		if s, ok := c.Namespace.Sockets().Load(id); ok {
			if cl := Of(s); cl != nil {
				list = append(list, cl)
			}
		}
	}
	return list
}
