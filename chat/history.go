package chat

import (
	"fmt"

	"chorus/auth/permission"
	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/chat/view"
)

// Bounds of what a client may read at once.
const (
	maxHistory     = 200 // messages of a page
	defaultHistory = 50
	maxSince       = 1000 // messages that a join brings
	maxPageBytes   = 1 << 20
)

// historyOptions are the last argument of "history".
type historyOptions struct {
	Before string `json:"before"`
	After  string `json:"after"`
	Limit  *int   `json:"limit"`
}

// history reads a page of what was said.
func (c *Chat) history(ca *call) error {
	p, err := ca.place(rule.EventHistory)
	if err != nil {
		return err
	}
	opts, err := option[historyOptions](ca, rule.EventHistory, 1)
	if err != nil {
		return err
	}
	limit := defaultHistory
	if opts.Limit != nil {
		limit = *opts.Limit
	}
	switch {
	case limit < 1 || limit > maxHistory:
		return rule.BadRequest(fmt.Sprintf("history: limit is not between 1 and %d", maxHistory))
	case opts.Before != "" && opts.After != "":
		return rule.BadRequest("history takes before or after, not both")
	}
	if err := ca.allow(permission.History, p); err != nil {
		return err
	}
	if !p.Policy.History.Keeps() {
		return rule.NoHistory(p)
	}
	ctx, cancel := c.context()
	defer cancel()
	if err := ca.notBanned(ctx, p); err != nil {
		return err
	}
	page, err := c.store.Page(ctx, p.Log, store.PageQuery{
		Before: opts.Before, After: opts.After, Limit: limit, MaxBytes: maxPageBytes, User: ca.user().ID, Bounds: p.Policy.History,
	})
	if err != nil {
		return err
	}
	page.Fit(opts.After != "" && !page.Missed)
	answer := map[string]any{
		"messages": view.Messages(page.Messages, c.opts.Logger), "first": view.OrNull(page.First), "last": view.OrNull(page.Last), "more": page.More, "epoch": view.OrNull(page.Epoch),
	}
	if page.Missed {
		answer["missed"] = true
	}
	ca.ok(answer)
	return nil
}
