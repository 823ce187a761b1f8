package chat

import (
	"chorus/chat/store"
	"log/slog"
)

// changeEvent returns the event by which clients hear that a message was changed. name is that of the room for the
// receiver.
func (c *Chat) changeEvent(r *store.Record, name string) []any {
	switch r.Kind {
	case store.KindEdit:
		return c.editedEvent(r, name, false)
	case store.KindDelete:
		return deletedEvent(r, name)
	case store.KindReact:
		return reactedEvent(r, name)
	case store.KindExtend:
		return c.appendedEvent(r, name)
	case store.KindPurge:
		return purgedEvent(r, name)
	case store.KindState:
		if r.Deleted {
			return deletedEvent(r, name)
		}
		return c.editedEvent(r, name, true)
	case store.KindMessage:
	}
	return nil
}

// editedEvent tells what a message says now. After an outage it has the whole state, with reactions.
func (c *Chat) editedEvent(r *store.Record, name string, state bool) []any {
	value, err := store.DecodeValue(r.Body(), r.Attach)
	if err != nil {
		c.opts.Logger.Error("a message of the history cannot be read", slog.String("room", r.Log), slog.Any("error", err))
		return nil
	}
	about := map[string]any{"id": r.ID, "seq": r.Seq, "cursor": r.Cursor, "version": r.Version, "editedAt": r.EditedAt, "by": orNull(r.Author())}
	if state {
		counts := make(map[string]any, len(r.Reactions))
		for _, reaction := range r.Reactions {
			counts[reaction.Key] = map[string]any{"count": reaction.Count}
		}
		about["reactions"] = counts
	}
	return []any{eventEdited, name, value, about}
}

func deletedEvent(r *store.Record, name string) []any {
	at := r.EditedAt
	if at == 0 {
		at = r.At
	}
	return []any{eventDeleted, name, map[string]any{"id": r.ID, "seq": r.Seq, "cursor": r.Cursor, "at": at, "by": orNull(r.Author())}}
}

// purgedEvent tells that messages are gone: one, those of a user, or all.
func purgedEvent(r *store.Record, name string) []any {
	about := map[string]any{"cursor": r.Cursor, "at": r.At, "by": orNull(r.By), "purged": true}
	switch {
	case r.PurgedWhole:
		about["all"] = true
	case r.PurgedUser != "":
		about["user"] = r.PurgedUser
	default:
		about["id"], about["seq"] = r.ID, r.Seq
	}
	return []any{eventDeleted, name, about}
}

func reactedEvent(r *store.Record, name string) []any {
	list := r.Reacted
	if list == nil {
		one := reacted{id: r.ID, key: r.Key}
		one.note(r)
		list = []any{one.told()}
	}
	return []any{eventReacted, name, list}
}

func (c *Chat) appendedEvent(r *store.Record, name string) []any {
	text, err := store.DecodeValue(r.Body(), false)
	if err != nil {
		return nil
	}
	about := map[string]any{"id": r.ID, "seq": r.Seq, "from": from(User{r.User, r.Name}), "offset": r.Offset, "text": text, "cursor": r.Cursor}
	switch {
	case r.Cancelled:
		about["cancelled"] = true
	case !r.Open:
		about["done"] = true
	}
	return []any{eventAppended, name, about}
}
