package chat

import (
	"context"
	"encoding/json"
	"time"

	"chorus/chat/rule"
	"chorus/chat/store"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
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

// Publish says something in a room or to a user, for the program: nothing but the hooks can refuse it.
func (c *Chat) Publish(ctx context.Context, post Post) (Posted, error) {
	m := &outgoing{from: post.From, sender: post.From.ID, id: post.ID, chosen: post.ID != "", mentions: post.Mentions, value: post.Value}
	a := &Action{Kind: ActionPublish, System: true, from: post.From, Room: post.Room, Value: post.Value}
	switch {
	case post.ID != "" && !rule.MessageID.MatchString(post.ID):
		return Posted{}, rule.BadRequest("the id of a message has 1 to 64 characters A-Z a-z 0-9 _ - .")
	case post.User != "":
		m.place = c.policies.Talk(post.From.ID, post.User)
		a.Kind, a.Room, a.To = ActionDirect, m.place.Name, post.User
	default:
		if err := rule.CheckName(post.Room); err != nil {
			return Posted{}, rule.BadRequest(err.Error())
		}
		m.place = c.policies.Room(post.Room)
	}
	if m.id == "" {
		m.id = rule.NewID()
	}
	a.ID = m.id
	if err := c.before(a); err != nil { // what the hooks give lives as long as the client
		return Posted{}, err
	}
	m.value = a.Value
	if err := ctx.Err(); err != nil {
		return Posted{}, err
	}
	r, err := c.deliver(m)
	if err == nil {
		a.At = r.At
	}
	c.after(a, err) // as above
	if err != nil {
		return Posted{}, err
	}
	posted := Posted{ID: r.ID, At: time.UnixMilli(r.At), Seq: r.Seq, Cursor: r.Cursor}
	if r.Online != nil {
		posted.Online = *r.Online
	}
	return posted, nil
}

// History reads what was said in a room; see Log.
func (c *Chat) History(ctx context.Context, room string, q store.PageQuery) (store.Page, error) {
	p := c.policies.Room(room)
	if !p.Policy.History.Keeps() {
		return store.Page{}, &rule.Error{Code: rule.CodeNoHistory, Message: "the room keeps no history"}
	}
	q.Bounds = p.Policy.History
	return c.store.Page(ctx, p.Log, q)
}

// Users lists who is in a room; see Presence.
func (c *Chat) Users(ctx context.Context, room, cursor string, limit int) (store.PresencePage, error) {
	return c.store.List(ctx, room, cursor, limit)
}

// Online returns how many sockets a user has in the cluster, and since when the user is there.
func (c *Chat) Online(ctx context.Context, user string) (store.Present, bool, error) {
	return c.store.Lookup(ctx, rule.UserRoom(user), user)
}

// SetStatus sets the data of a user for presence, in a room or, with the room "", everywhere; nil removes it.
func (c *Chat) SetStatus(ctx context.Context, user, room string, data json.RawMessage) error {
	return c.store.SetStatus(ctx, user, room, data)
}

// Join makes all sockets of a user on this node members of a room, and brings none of them up to date.
func (c *Chat) Join(user, room string) error {
	if err := rule.CheckName(room); err != nil {
		return rule.BadRequest(err.Error())
	}
	for _, cl := range c.clientsOf(user) {
		cl.socket.Join(socket.Room(room))
		cl.rejoin(room)
	}
	return nil
}

// Leave makes all sockets of a user on this node leave a room and tells them why.
func (c *Chat) Leave(user, room string, why *rule.Error) {
	for _, cl := range c.clientsOf(user) {
		if cl.joined(room) {
			cl.expel(room, why)
		}
	}
}

// clientsOf returns the clients of a user on this node.
func (c *Chat) clientsOf(user string) []*client {
	var list []*client
	for _, id := range c.nsp.Adapter().Sockets(types.NewSet(socket.Room(rule.UserRoom(user)))).Keys() {
		if s, ok := c.nsp.Sockets().Load(id); ok {
			if cl := clientOf(s); cl != nil {
				list = append(list, cl)
			}
		}
	}
	return list
}

// Explainer returns one with the rules of this node.
func (c *Chat) Explainer() *rule.Explainer {
	return &rule.Explainer{Rooms: c.opts.Rooms, Events: c.opts.Events, Open: c.opts.Open, Standing: c.store.Standing}
}

// Rooms returns how many rooms and conversations the clients of this node are in.
func (c *Chat) Rooms() int { return len(c.lanes.Topics()) }
