package chat

import (
	"context"

	"chorus/chat/rule"
	"chorus/chat/store"
)

// Act puts a measure in force as Moderate does, and tells the functions of After.
func (c *Chat) Act(ctx context.Context, m Measure) (until int64, err error) {
	if err := m.check(); err != nil {
		return 0, err
	}
	a := &Action{Kind: ActionModerate, System: true, from: rule.User{ID: m.By}, Room: m.Room, To: m.User, Event: m.Action, Value: m, At: rule.Now()}
	until, err = c.Moderate(ctx, m)
	c.after(a, err)
	return until, err
}

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
	err = c.store.EachLog(ctx, func(log string) error {
		e.Logs++
		removed, err := c.store.Purge(ctx, log, store.Purge{User: user, Topics: topicsOf(log)})
		e.Messages += removed
		return err
	})
	if err != nil {
		return e, err
	}
	unread, err := c.store.Unread(ctx, user, nil)
	if err != nil {
		return e, err
	}
	for _, u := range unread {
		if err := c.store.Forget(ctx, user, u.Log); err != nil {
			return e, err
		}
	}
	rooms, err := c.store.Placed(ctx, user)
	if err != nil {
		return e, err
	}
	for _, room := range rooms {
		if err := c.store.Place(ctx, user, room, 0); err != nil {
			return e, err
		}
	}
	return e, c.store.SetStatus(ctx, user, "", nil)
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
