package client

import (
	"context"
	"errors"

	"chorus/chat/lane"
	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/chat/view"
)

// Bounds of what a client may read at once.
const (
	MaxHistory   = 200  // messages of a page
	maxSince     = 1000 // messages that a join brings
	MaxPageBytes = 1 << 20
)

// readUp reads what the answer of a join holds. pos is where the messages in it end.
func (cl *Client) readUp(ctx context.Context, p rule.Place, l *lane.Lane, fresh bool, opts joinOptions) (answer map[string]any, pos int64, err error) {
	answer = map[string]any{"room": p.Name, "cursor": nil, "epoch": nil}
	if p.Policy.History.Keeps() {
		if pos, err = cl.readHistory(ctx, p, opts, answer); err != nil {
			return nil, 0, err
		}
	} else if opts.Since != nil || opts.History > 0 {
		answer["messages"] = []any{}
		if opts.Since != nil {
			answer["missed"] = true
		}
	}
	if p.Peer != "" {
		return answer, pos, nil
	}
	var seen chan struct{}
	if fresh && opts.Presence {
		seen = l.Expect(cl.PresenceID())
	}
	count, err := cl.arrive(ctx, p)
	if seen != nil && err == nil {
		l.Await(cl.PresenceID(), seen)
	}
	switch {
	case errors.Is(err, store.ErrUnavailable) && !opts.Presence && !p.Policy.History.Keeps():
		answer["count"] = nil // nobody knows
	case err != nil:
		return nil, 0, err
	default:
		answer["count"] = count
	}
	if !opts.Presence {
		return answer, pos, nil
	}
	list := map[string]any{"users": []any{}}
	if !p.Policy.NoPresence {
		epoch, seq := l.PresenceNow(cl.Socket)
		page, err := cl.all.Store.List(ctx, p.Log, "", defaultListed)
		if err != nil {
			return nil, 0, err
		}
		list = view.UserPage(page)
		list["epoch"], list["seq"], list["count"] = epoch, seq, page.Count
		answer["count"] = page.Count
		cl.watch(l)
	}
	answer["members"] = list
	return answer, pos, nil
}

// readHistory reads the messages that a join asks for, or only where the log ends.
func (cl *Client) readHistory(ctx context.Context, p rule.Place, opts joinOptions, answer map[string]any) (pos int64, err error) {
	c := cl.all
	q := store.PageQuery{Limit: opts.History, MaxBytes: MaxPageBytes, User: cl.User().ID, Bounds: p.Policy.History}
	if opts.Since != nil {
		q.Since, q.Limit = *opts.Since, maxSince
	}
	page, err := c.Store.Page(ctx, p.Log, q)
	if err != nil {
		return 0, err
	}
	if n := len(page.Messages); page.Missed && n > opts.History {
		page.Messages = page.Messages[n-opts.History:]
	}
	if !page.Fit(opts.Since != nil && !page.Missed) {
		q.Since, q.Limit = "", opts.History
		if page, err = c.Store.Page(ctx, p.Log, q); err != nil {
			return 0, err
		}
		page.Missed = true
		page.Fit(false)
	}
	if page.Cursor == "" && opts.Since != nil && page.Epoch != "" { // none of the messages fitted
		page.Cursor = *opts.Since
	}
	answer["cursor"], answer["epoch"] = view.OrNull(page.Cursor), view.OrNull(page.Epoch)
	if opts.Since == nil && opts.History == 0 {
		return page.Pos, nil
	}
	if page.Missed {
		answer["missed"] = true
	}
	answer["messages"] = view.Messages(page.Messages, c.Options.Logger)
	if page.More && opts.Since != nil && !page.Missed {
		answer["more"] = true
	}
	if opts.Since != nil {
		answer["changes"] = view.Changes(page.Changes, c.Options.Logger)
	}
	return page.Pos, nil
}

// arrive makes the client one of the users of a room, unless it has gone meanwhile, and returns how many there are.
func (cl *Client) arrive(ctx context.Context, p rule.Place) (count int, err error) {
	c, id := cl.all, string(cl.Socket.Id())
	count, err = c.Store.Enter(ctx, p.Log, id, store.Member{User: cl.PresenceID(), Name: cl.User().Name})
	cl.mu.Lock()
	gone := cl.gone
	cl.mu.Unlock()
	if gone {
		_, _ = c.Store.Leave(ctx, p.Log, id, 0) // the store goes on by itself
	}
	return count, err
}
