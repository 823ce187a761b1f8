package message

import (
	"context"
	"encoding/json"

	"chorus/chat/client"
	"chorus/chat/notice"
	"chorus/chat/rule"
	"chorus/chat/store"
)

// toldMessage is a message in a notice.
type toldMessage struct {
	ID     string `json:"id"`
	At     int64  `json:"at,omitempty"`
	Seq    int64  `json:"seq,omitempty"`
	Cursor string `json:"cursor,omitempty"`
	Event  string `json:"event,omitempty"`
	Value  any    `json:"value,omitempty"`
}

// toldOf returns what a message says, as back ends get it.
func toldOf(m *Outgoing) *toldMessage {
	told := &toldMessage{ID: m.ID, Event: m.Event, Value: m.Value}
	if m.Event != "" {
		told.Value = store.EventValue(m.Value)
	}
	return told
}

// noticeOf returns the members of a notice about a message of a room, up to the end of those of the message.
func noticeOf(p rule.Place, by rule.User, message *toldMessage) string {
	text, err := json.Marshal(message)
	if err != nil {
		return "" // of a program: it cannot be told
	}
	return notice.Members(notice.Member{Name: "room", Value: p.Log}, notice.Member{Name: "user", Value: client.ToldUser(by)}) + `,"message":` + string(text[:len(text)-1])
}

// tellSent tells of a message that the store does not tell of: one that is not kept, or one to a user.
func (c *Messages) tellSent(ctx context.Context, m *Outgoing, r *receipt) {
	message := toldOf(m)
	message.At, message.Seq, message.Cursor = r.At, r.Seq, r.Cursor
	n := &notice.Notice{Kind: notice.MessagePublished, Room: m.Place.Room(), User: m.From.ID}
	members := []notice.Member{{Name: "user", Value: client.ToldUser(m.From)}, {Name: "message", Value: message}}
	if m.Place.Peer != "" {
		n.Kind = notice.DirectSent
		members = append(members, notice.Member{Name: "to", Value: m.Place.Peer}, notice.Member{Name: "away", Value: r.Online == nil || *r.Online == 0})
	} else {
		members = append(members, notice.Member{Name: "room", Value: n.Room})
	}
	if !c.Tells(n.Kind, n.Room) {
		return
	}
	n.Members = notice.Members(members...)
	c.Notify(ctx, n)
}
