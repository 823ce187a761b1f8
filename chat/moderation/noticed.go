package moderation

import (
	"encoding/json"
	"strings"

	"chorus/auth/permission"
	"chorus/chat/client"
	"chorus/chat/rule"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Notices that nodes send each other as signals of a topic. A signal about typing begins with "{".
const (
	kickNotice   = "kick "
	reportNotice = "report "
)

// kickSignal says who has to leave a room, or all rooms.
type kickSignal struct{ Room, User, Reason string }

// kick has all nodes put a user out of a room, or out of all rooms.
func (c *Moderation) kick(m *Measure) {
	text, _ := json.Marshal(kickSignal{m.Room, m.User, m.Reason}) // it cannot fail: there are texts
	topic := m.Room
	if topic == "" {
		topic = rule.UserRoom(m.User)
	}
	c.Store.Signal(topic, append([]byte(kickNotice), text...))
}

// Noticed takes a signal that is not about typing, and reports whether it was one.
func (c *Moderation) Noticed(topic string, data []byte) bool {
	text := string(data)
	if kick, ok := strings.CutPrefix(text, kickNotice); ok {
		var k kickSignal
		if json.Unmarshal([]byte(kick), &k) == nil {
			c.Task(func() { c.kicked(&k) }) // ends when the clients have left
		}
		return true
	}
	if report, ok := strings.CutPrefix(text, reportNotice); ok {
		c.Task(func() { c.reported(topic, json.RawMessage(report)) }) // ends when they were told
		return true
	}
	return false
}

// kicked puts the sockets of a user on this node out.
func (c *Moderation) kicked(k *kickSignal) {
	why := &rule.Error{Code: rule.CodeKicked, Message: "a moderator has put you out", Details: map[string]any{}}
	if k.Reason != "" {
		why.Details["reason"] = k.Reason
	}
	if k.Room == "" {
		for _, cl := range c.ClientsOf(k.User) {
			for _, room := range cl.JoinedRooms() {
				cl.PutOut(room, why)
			}
		}
		return
	}
	for _, cl := range c.ClientsIn(k.Room) {
		if cl.PresenceID() == k.User {
			cl.PutOut(k.Room, why)
		}
	}
}

// reported tells the moderators among the members of a room on this node.
func (c *Moderation) reported(room string, report json.RawMessage) {
	for _, cl := range c.ClientsIn(room) {
		if (&client.Call{Client: cl}).Permits(permission.Moderate, room) {
			c.Lanes.LocalTo(cl.Socket, rule.EventReported, room, report)
		}
	}
}

// Barred puts those out of a room on this node, or of all rooms with "", who are banned there.
func (c *Moderation) Barred(room string) {
	c.Task(func() { c.reviewBans(room) }) // ends when the clients have left
}

func (c *Moderation) reviewBans(room string) {
	if room != "" {
		for _, cl := range c.ClientsIn(room) {
			cl.ReviewBan(room)
		}
		return
	}
	c.Namespace.Sockets().Range(func(_ socket.SocketId, s *socket.Socket) bool {
		if cl := client.Of(s); cl != nil {
			cl.ReviewBans()
		}
		return true
	})
}
