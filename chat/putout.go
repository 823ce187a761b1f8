package chat

import (
	"encoding/json"
	"strings"

	"chorus/auth/permission"
	"chorus/chat/rule"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Notices that nodes send each other as signals of a topic. A signal about typing begins with "{".
const (
	kickNotice   = "kick "
	reportNotice = "report "
)

// kickSignal says who has to leave a room, or all rooms.
type kickSignal struct{ Room, User, Reason string }

// kick has all nodes put a user out of a room, or out of all rooms.
func (c *Chat) kick(m *Measure) {
	text, _ := json.Marshal(kickSignal{m.Room, m.User, m.Reason}) // it cannot fail: there are texts
	topic := m.Room
	if topic == "" {
		topic = rule.UserRoom(m.User)
	}
	c.store.Signal(topic, append([]byte(kickNotice), text...))
}

// noticed takes a signal that is not about typing, and reports whether it was one.
func (c *Chat) noticed(topic string, data []byte) bool {
	text := string(data)
	if kick, ok := strings.CutPrefix(text, kickNotice); ok {
		var k kickSignal
		if json.Unmarshal([]byte(kick), &k) == nil {
			c.tasks.Go(func() { c.kicked(&k) }) // ends when the clients have left
		}
		return true
	}
	if report, ok := strings.CutPrefix(text, reportNotice); ok {
		c.tasks.Go(func() { c.reported(topic, json.RawMessage(report)) }) // ends when they were told
		return true
	}
	return false
}

// kicked puts the sockets of a user on this node out.
func (c *Chat) kicked(k *kickSignal) {
	why := &rule.Error{Code: CodeKicked, Message: "a moderator has put you out", Details: map[string]any{}}
	if k.Reason != "" {
		why.Details["reason"] = k.Reason
	}
	if k.Room == "" {
		for _, cl := range c.clientsOf(k.User) {
			for _, room := range cl.joinedRooms() {
				cl.putOut(room, why)
			}
		}
		return
	}
	for _, cl := range c.clientsIn(k.Room) {
		if cl.presenceID() == k.User {
			cl.putOut(k.Room, why)
		}
	}
}

// reported tells the moderators among the members of a room on this node.
func (c *Chat) reported(room string, report json.RawMessage) {
	for _, cl := range c.clientsIn(room) {
		if (&call{client: cl}).permits(permission.Moderate, room) {
			c.lanes.LocalTo(cl.socket, rule.EventReported, room, report)
		}
	}
}

// barred puts those out of a room on this node, or of all rooms with "", who are banned there.
func (c *Chat) barred(room string) {
	if room != "" {
		for _, cl := range c.clientsIn(room) {
			cl.reviewBan(room)
		}
		return
	}
	c.nsp.Sockets().Range(func(_ socket.SocketId, s *socket.Socket) bool {
		if cl := clientOf(s); cl != nil {
			cl.reviewBans()
		}
		return true
	})
}

// reviewBans puts the client out of the rooms from which it is banned.
func (cl *client) reviewBans() {
	for _, room := range cl.joinedRooms() {
		cl.reviewBan(room)
	}
}

// reviewBan puts the client out of a room if it is banned there.
func (cl *client) reviewBan(room string) {
	if strings.HasPrefix(room, rule.UserRooms) && cl.ownRoom(room) {
		return // everybody hears what is said to them
	}
	ctx, cancel := cl.chat.context()
	defer cancel()
	standing, err := cl.standing(ctx, cl.chat.policies.Room(room))
	if err == nil && standing.Ban != nil {
		cl.putOut(room, rule.Barred(rule.CodeBanned, "you are banned", standing.Ban))
	}
}

func (cl *client) ownRoom(room string) bool { return room == rule.UserRoom(cl.user().ID) }

// joinedRooms returns the rooms that the client has joined, without conversations.
func (cl *client) joinedRooms() []string {
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

// putOut takes the client out of a room, also when the program has put it there, and tells it why.
func (cl *client) putOut(room string, why *rule.Error) {
	cl.exit(room)
	cl.socket.Leave(socket.Room(room))
	cl.unwatch(room)
	cl.left(room, why)
}

// clientsIn returns the clients of a room on this node.
func (c *Chat) clientsIn(room string) []*client {
	var list []*client
	for _, id := range c.nsp.Adapter().Sockets(types.NewSet(socket.Room(room))).Keys() {
		if s, ok := c.nsp.Sockets().Load(id); ok {
			if cl := clientOf(s); cl != nil {
				list = append(list, cl)
			}
		}
	}
	return list
}
