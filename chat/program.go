package chat

import (
	"context"

	"chorus/chat/rule"
	"chorus/chat/store"
)

// Erased says what EraseUser has removed.
type Erased struct {
	Messages int
	Logs     int // of rooms and conversations that were looked through
}

// EraseUser removes what the cluster keeps of a user: messages, reactions and mentions in all rooms and conversations, read
// markers, presence data, and rooms that wait for its sockets. Bars against the user stay in force.
func (c *Chat) EraseUser(ctx context.Context, user string) (e Erased, err error) {
	if err := rule.CheckUser(user); err != nil {
		return e, rule.BadRequest(err.Error())
	}
	err = c.clients.Store.EachLog(ctx, func(log string) error {
		e.Logs++
		removed, err := c.clients.Store.Purge(ctx, log, store.Purge{User: user, Topics: topicsOf(log)})
		e.Messages += removed
		return err
	})
	if err != nil {
		return e, err
	}
	unread, err := c.clients.Store.Unread(ctx, user, nil)
	if err != nil {
		return e, err
	}
	for _, u := range unread {
		if err := c.clients.Store.Forget(ctx, user, u.Log); err != nil {
			return e, err
		}
	}
	rooms, err := c.clients.Store.Placed(ctx, user)
	if err != nil {
		return e, err
	}
	for _, room := range rooms {
		if err := c.clients.Store.Place(ctx, user, room, 0); err != nil {
			return e, err
		}
	}
	return e, c.clients.Store.SetStatus(ctx, user, "", nil)
}

// topicsOf returns where a log is heard.
func topicsOf(log string) []string {
	a, b, talk := rule.Talkers(log)
	switch {
	case !talk:
		return []string{log}
	case a == b:
		return []string{rule.UserRoom(a)}
	}
	return []string{rule.UserRoom(a), rule.UserRoom(b)}
}
