package view

import (
	"log/slog"

	"chorus/chat/rule"
	"chorus/chat/store"
)

// Event returns the event by which clients hear of a record. name is that of the room for the receiver.
func Event(r *store.Record, name string, log *slog.Logger) []any {
	if r.Kind != store.KindMessage {
		return changeEvent(r, name, log)
	}
	value, err := store.DecodeValue(r.Value, r.Attach)
	if err != nil {
		log.Error("a message of the history cannot be read", slog.String("room", r.Log), slog.Any("error", err))
		return nil
	}
	if r.Event != "" {
		return store.EventArgs(r.Event, value)
	}
	m := Meta{ID: r.ID, At: r.Message.At, From: From(rule.User{ID: r.User, Name: r.Name}), Seq: r.Seq, Cursor: r.Cursor}
	if peer, talk := rule.CutTalk(name); talk {
		return []any{rule.EventDirect, peer, value, m.Argument()}
	}
	return []any{rule.EventPublish, name, value, m.Argument()}
}

// changeEvent returns the event by which clients hear that a message was changed. name is that of the room for the
// receiver.
func changeEvent(r *store.Record, name string, log *slog.Logger) []any {
	switch r.Kind {
	case store.KindEdit:
		return editedEvent(r, name, false, log)
	case store.KindDelete:
		return deletedEvent(r, name)
	case store.KindReact:
		return reactedEvent(r, name)
	case store.KindExtend:
		return appendedEvent(r, name)
	case store.KindPurge:
		return purgedEvent(r, name)
	case store.KindState:
		if r.Deleted {
			return deletedEvent(r, name)
		}
		return editedEvent(r, name, true, log)
	case store.KindMessage:
	}
	return nil
}

// editedEvent tells what a message says now. After an outage it has the whole state, with reactions.
func editedEvent(r *store.Record, name string, state bool, log *slog.Logger) []any {
	value, err := store.DecodeValue(r.Body(), r.Attach)
	if err != nil {
		log.Error("a message of the history cannot be read", slog.String("room", r.Log), slog.Any("error", err))
		return nil
	}
	about := map[string]any{"id": r.ID, "seq": r.Seq, "cursor": r.Cursor, "version": r.Version, "editedAt": r.EditedAt, "by": OrNull(r.Author())}
	if state {
		counts := make(map[string]any, len(r.Reactions))
		for _, reaction := range r.Reactions {
			counts[reaction.Key] = map[string]any{"count": reaction.Count}
		}
		about["reactions"] = counts
	}
	return []any{rule.EventEdited, name, value, about}
}

func deletedEvent(r *store.Record, name string) []any {
	at := r.DeletedAt
	if at == 0 {
		at = r.At
	}
	return []any{rule.EventDeleted, name, map[string]any{"id": r.ID, "seq": r.Seq, "cursor": r.Cursor, "at": at, "by": OrNull(r.Author())}}
}

// purgedEvent tells that messages are gone: one, those of a user, or all.
func purgedEvent(r *store.Record, name string) []any {
	about := map[string]any{"cursor": r.Cursor, "at": r.At, "by": OrNull(r.By), "purged": true}
	switch {
	case r.PurgedWhole:
		about["all"] = true
	case r.PurgedUser != "":
		about["user"] = r.PurgedUser
	default:
		about["id"], about["seq"] = r.ID, r.Seq
	}
	return []any{rule.EventDeleted, name, about}
}

func reactedEvent(r *store.Record, name string) []any {
	list := r.Reacted
	if list == nil {
		one := Reaction{ID: r.ID, Key: r.Key}
		one.Note(r)
		list = []any{one.Told()}
	}
	return []any{rule.EventReacted, name, list}
}

func appendedEvent(r *store.Record, name string) []any {
	text, err := store.DecodeValue(r.Body(), false)
	if err != nil {
		return nil
	}
	about := map[string]any{"id": r.ID, "seq": r.Seq, "from": From(rule.User{ID: r.User, Name: r.Name}), "offset": r.Offset, "text": text, "cursor": r.Cursor}
	switch {
	case r.Cancelled:
		about["cancelled"] = true
	case !r.Open:
		about["done"] = true
	}
	return []any{rule.EventAppended, name, about}
}
