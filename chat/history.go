package chat

import (
	"fmt"
	"log/slog"

	"chorus/auth/permission"
	"chorus/chat/store"
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
	p, err := ca.place(eventHistory)
	if err != nil {
		return err
	}
	opts, err := option[historyOptions](ca, eventHistory, 1)
	if err != nil {
		return err
	}
	limit := defaultHistory
	if opts.Limit != nil {
		limit = *opts.Limit
	}
	switch {
	case limit < 1 || limit > maxHistory:
		return badRequest(fmt.Sprintf("history: limit is not between 1 and %d", maxHistory))
	case opts.Before != "" && opts.After != "":
		return badRequest("history takes before or after, not both")
	}
	if err := ca.allow(permission.History, p); err != nil {
		return err
	}
	if !p.policy.History.Keeps() {
		return &Error{Code: CodeNoHistory, Message: "the room keeps no history", Details: map[string]any{"room": p.name}}
	}
	ctx, cancel := c.context()
	defer cancel()
	if err := ca.notBanned(ctx, p); err != nil {
		return err
	}
	page, err := c.store.Page(ctx, p.log, store.PageQuery{
		Before: opts.Before, After: opts.After, Limit: limit, MaxBytes: maxPageBytes, User: ca.user().ID, Bounds: p.policy.History,
	})
	if err != nil {
		return err
	}
	page.Fit(opts.After != "" && !page.Missed)
	answer := map[string]any{
		"messages": c.messagesOf(page.Messages), "first": orNull(page.First), "last": orNull(page.Last), "more": page.More, "epoch": orNull(page.Epoch),
	}
	if page.Missed {
		answer["missed"] = true
	}
	ca.ok(answer)
	return nil
}

// orNull returns a text, nil for an empty one.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// messagesOf returns messages as clients get them in lists.
func (c *Chat) messagesOf(list []store.Message) []any {
	messages := make([]any, 0, len(list))
	for i := range list {
		messages = append(messages, c.messageOf(&list[i]))
	}
	return messages
}

func (c *Chat) messageOf(m *store.Message) map[string]any {
	message := map[string]any{"id": m.ID, "seq": m.Seq, "cursor": m.Cursor, "at": m.At, "from": from(User{m.User, m.Name})}
	if m.Deleted {
		message["deleted"] = true
	} else {
		value, err := store.DecodeValue(m.Body(), m.Attach)
		if err != nil {
			c.opts.Logger.Error("a message of the history cannot be read", slog.String("id", m.ID), slog.Any("error", err))
		}
		message["value"] = value
	}
	if m.Event != "" {
		message["event"], message["value"] = m.Event, store.EventValue(message["value"])
	}
	if m.Version > 1 {
		message["version"] = m.Version
	}
	if m.EditedAt > 0 {
		message["editedAt"] = m.EditedAt
	}
	if len(m.Mentions) > 0 {
		message["mentions"] = m.Mentions
	}
	if len(m.Reactions) > 0 {
		message["reactions"] = reactionsOf(m.Reactions)
	}
	return message
}

func reactionsOf(list []store.Reaction) map[string]any {
	reactions := make(map[string]any, len(list))
	for _, r := range list {
		reactions[r.Key] = map[string]any{"count": r.Count, "mine": r.Mine}
	}
	return reactions
}

// changesOf returns what became of messages as clients get it with since.
func (c *Chat) changesOf(list []store.Message) []any {
	changes := make([]any, 0, len(list))
	for i := range list {
		change := c.messageOf(&list[i])
		for _, name := range []string{"cursor", "at", "from", "mentions", "event"} {
			delete(change, name)
		}
		if list[i].Purged {
			change["purged"] = true
		}
		changes = append(changes, change)
	}
	return changes
}
