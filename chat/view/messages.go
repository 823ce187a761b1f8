package view

import (
	"log/slog"

	"chorus/chat/rule"
	"chorus/chat/store"
)

// Messages returns messages as clients get them in lists.
func Messages(list []store.Message, log *slog.Logger) []any {
	messages := make([]any, 0, len(list))
	for i := range list {
		messages = append(messages, messageOf(&list[i], log))
	}
	return messages
}

func messageOf(m *store.Message, log *slog.Logger) map[string]any {
	message := map[string]any{"id": m.ID, "seq": m.Seq, "cursor": m.Cursor, "at": m.At, "from": From(rule.User{ID: m.User, Name: m.Name})}
	if m.Deleted {
		message["deleted"] = true
	} else {
		value, err := store.DecodeValue(m.Body(), m.Attach)
		if err != nil {
			log.Error("a message of the history cannot be read", slog.String("id", m.ID), slog.Any("error", err))
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
		message["reactions"] = Reactions(m.Reactions)
	}
	return message
}

// Changes returns what became of messages as clients get it with since.
func Changes(list []store.Message, log *slog.Logger) []any {
	changes := make([]any, 0, len(list))
	for i := range list {
		change := messageOf(&list[i], log)
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

// Reactions returns the reactions to a message as clients get them.
func Reactions(list []store.Reaction) map[string]any {
	reactions := make(map[string]any, len(list))
	for _, r := range list {
		reactions[r.Key] = map[string]any{"count": r.Count, "mine": r.Mine}
	}
	return reactions
}
