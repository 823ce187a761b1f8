package chat

import (
	"context"
	"encoding/json"

	"chorus/chat/message"
	"chorus/chat/moderation"
	"chorus/chat/rule"
	"chorus/chat/store"
)

// History reads what was said in a room; see Log.
func (c *Chat) History(ctx context.Context, room string, q store.PageQuery) (store.Page, error) {
	p := c.clients.Policies.Room(room)
	if !p.Policy.History.Keeps() {
		return store.Page{}, rule.NoHistory(p)
	}
	q.Bounds = p.Policy.History
	return c.clients.Store.Page(ctx, p.Log, q)
}

// Users lists who is in a room; see Presence.
func (c *Chat) Users(ctx context.Context, room, cursor string, limit int) (store.PresencePage, error) {
	return c.clients.Store.List(ctx, room, cursor, limit)
}

// Online returns how many sockets a user has in the cluster, and since when the user is there.
func (c *Chat) Online(ctx context.Context, user string) (store.Present, bool, error) {
	return c.clients.Store.Lookup(ctx, rule.UserRoom(user), user)
}

// SetStatus sets the data of a user for presence, in a room or, with the room "", everywhere; nil removes it.
func (c *Chat) SetStatus(ctx context.Context, user, room string, data json.RawMessage) error {
	return c.clients.Store.SetStatus(ctx, user, room, data)
}

// Join makes all sockets of a user on this node members of a room, and brings none of them up to date.
func (c *Chat) Join(user, room string) error {
	if err := rule.CheckName(room); err != nil {
		return rule.BadRequest(err.Error())
	}
	for _, cl := range c.clients.ClientsOf(user) {
		cl.Put(room)
	}
	return nil
}

// Leave makes all sockets of a user on this node leave a room and tells them why.
func (c *Chat) Leave(user, room string, why *rule.Error) {
	for _, cl := range c.clients.ClientsOf(user) {
		if cl.Joined(room) {
			cl.Expel(room, why)
		}
	}
}

// Publish says something in a room or to a user, for the program: nothing but the hooks can refuse it.
func (c *Chat) Publish(ctx context.Context, post message.Post) (message.Posted, error) {
	return c.messages.Post(ctx, post)
}

// Send sends a Dispatch. While Redis is away it fails, and may be repeated with the same ID.
func (c *Chat) Send(ctx context.Context, e message.Dispatch) (*message.Sent, error) {
	return c.messages.Send(ctx, e)
}

// Edit gives a message of a room another value.
func (c *Chat) Edit(ctx context.Context, room, id string, value any, version int64) (Changed, error) {
	return c.messages.Edit(ctx, room, id, value, version)
}

// Delete deletes a message of a room. History keeps that there was one; Purge leaves nothing.
func (c *Chat) Delete(ctx context.Context, room, id string) (Changed, error) {
	return c.messages.Delete(ctx, room, id)
}

// Purge removes messages of a room and all that belongs to them: one by its id, all of a user, or all. Topics is not used.
func (c *Chat) Purge(ctx context.Context, room string, what Purge) (removed int, err error) {
	return c.messages.Purge(ctx, room, what)
}

// Moderate puts a measure in force on every node and tells those concerned. until is when it ends, in milliseconds since
// 1970, and 0 when it does not.
func (c *Chat) Moderate(ctx context.Context, m moderation.Measure) (until int64, err error) {
	return c.moderation.Moderate(ctx, m)
}

// Act puts a measure in force as Moderate does, and tells the functions of After.
func (c *Chat) Act(ctx context.Context, m moderation.Measure) (until int64, err error) {
	return c.moderation.Act(ctx, m)
}

// Rules returns what is in force in a room, or everywhere with "".
func (c *Chat) Rules(ctx context.Context, room, cursor string, limit int) (ModerationPage, error) {
	return c.moderation.Rules(ctx, room, cursor, limit)
}

// Markers lists up to where a user has read, in all rooms in which the user has a marker.
func (c *Chat) Markers(ctx context.Context, user string) ([]Marker, error) {
	return c.messages.Markers(ctx, user)
}
