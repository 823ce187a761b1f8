package message

import (
	"context"
	"time"

	"chorus/chat/client"
	"chorus/chat/rule"
)

// Post is a message of the program.
type Post struct {
	// Room is the room to publish in. User is the user to send to. Exactly one of them is set.
	Room, User string
	// Value is what is said: json.RawMessage, or any value that encoding/json takes, with []byte as an attachment.
	Value any
	// ID makes the message idempotent, as for clients; default a new one.
	ID string
	// From is who says it, as receivers see it; default the system. A message to a user needs it.
	From     rule.User
	Mentions []string
}

// Posted says what became of a message.
type Posted struct {
	ID     string
	At     time.Time
	Seq    int64  // 0 in rooms without history
	Cursor string // as above
	Online int    // of a message to a user: sockets of that user
}

// Post says something in a room or to a user, for the program: nothing but the hooks can refuse it.
func (c *Messages) Post(ctx context.Context, post Post) (Posted, error) {
	m := &Outgoing{From: post.From, Sender: post.From.ID, ID: post.ID, chosen: post.ID != "", mentions: post.Mentions, Value: post.Value}
	a := client.SystemAction(post.From, client.Action{Kind: client.ActionPublish, Room: post.Room, Value: post.Value})
	switch {
	case post.ID != "" && !rule.MessageID.MatchString(post.ID):
		return Posted{}, rule.BadRequest("the id of a message has 1 to 64 characters A-Z a-z 0-9 _ - .")
	case post.User != "":
		m.Place = c.Policies.Talk(post.From.ID, post.User)
		a.Kind, a.Room, a.To = client.ActionDirect, m.Place.Name, post.User
	default:
		if err := rule.CheckName(post.Room); err != nil {
			return Posted{}, rule.BadRequest(err.Error())
		}
		m.Place = c.Policies.Room(post.Room)
	}
	if m.ID == "" {
		m.ID = rule.NewID()
	}
	a.ID = m.ID
	if err := c.AskHooks(a); err != nil { // what the hooks give lives as long as the client
		return Posted{}, err
	}
	m.Value = a.Value
	if err := ctx.Err(); err != nil {
		return Posted{}, err
	}
	r, err := c.Deliver(m)
	if err == nil {
		a.At = r.At
	}
	c.TellHooks(a, err) // as above
	if err != nil {
		return Posted{}, err
	}
	posted := Posted{ID: r.ID, At: time.UnixMilli(r.At), Seq: r.Seq, Cursor: r.Cursor}
	if r.Online != nil {
		posted.Online = *r.Online
	}
	return posted, nil
}
