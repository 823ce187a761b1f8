package message

import (
	"fmt"

	"chorus/auth/permission"
	"chorus/chat/client"
	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/chat/view"
)

// defaultHistory is how many messages a page has without a limit.
const defaultHistory = 50

// historyOptions are the last argument of "history".
type historyOptions struct {
	Before string `json:"before"`
	After  string `json:"after"`
	Limit  *int   `json:"limit"`
}

// history reads a page of what was said.
func (c *Messages) history(ca *client.Call) error {
	p, err := ca.Place(rule.EventHistory)
	if err != nil {
		return err
	}
	opts, err := client.Option[historyOptions](ca, rule.EventHistory, 1)
	if err != nil {
		return err
	}
	limit := defaultHistory
	if opts.Limit != nil {
		limit = *opts.Limit
	}
	switch {
	case limit < 1 || limit > client.MaxHistory:
		return rule.BadRequest(fmt.Sprintf("history: limit is not between 1 and %d", client.MaxHistory))
	case opts.Before != "" && opts.After != "":
		return rule.BadRequest("history takes before or after, not both")
	}
	if err := ca.Allow(permission.History, p); err != nil {
		return err
	}
	if !p.Policy.History.Keeps() {
		return rule.NoHistory(p)
	}
	ctx, cancel := c.Context()
	defer cancel()
	if err := ca.NotBanned(ctx, p); err != nil {
		return err
	}
	page, err := c.Store.Page(ctx, p.Log, store.PageQuery{
		Before: opts.Before, After: opts.After, Limit: limit, MaxBytes: client.MaxPageBytes, User: ca.User().ID, Bounds: p.Policy.History,
	})
	if err != nil {
		return err
	}
	page.Fit(opts.After != "" && !page.Missed)
	answer := map[string]any{
		"messages": view.Messages(page.Messages, c.Options.Logger), "first": view.OrNull(page.First), "last": view.OrNull(page.Last), "more": page.More, "epoch": view.OrNull(page.Epoch),
	}
	if page.Missed {
		answer["missed"] = true
	}
	ca.OK(answer)
	return nil
}
