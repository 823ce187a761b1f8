package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"chorus/chat/store"
)

// Purge implements store.Log.
func (s *Store) Purge(_ context.Context, name string, p store.Purge) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[name]
	if l == nil {
		return 0, nil
	}
	n := len(l.messages)
	l.pos++
	var others []*message
	seq := l.ids[p.ID].seq
	switch {
	case p.Whole:
		delete(s.logs, name)
		s.epochs.drop(name)
		clear(l.messages)
	case p.ID != "":
		l.purge(seq)
		delete(l.ids, p.ID)
	case p.User != "":
		others = l.purgeUser(p.User)
	default:
		return 0, fmt.Errorf("chat: purge of %q: name a message, a user or the whole log", name)
	}
	r := l.record(store.KindPurge, name, p.Topics, "", "", &message{Message: store.Message{ID: p.ID, Seq: seq}})
	r.PurgedUser, r.PurgedWhole = p.User, p.Whole
	s.tell(p.Topics, func(sink store.Sink) { sink.Logged(r) })
	for _, m := range others {
		l.pos++
		m.changePos, m.changeSeq = l.pos, l.seq
		r := l.record(store.KindState, name, p.Topics, "", "", m)
		s.tell(p.Topics, func(sink store.Sink) { sink.Logged(r) })
	}
	return n - len(l.messages), nil
}

// purge drops a message and keeps its number and id for clients that are away.
func (l *log) purge(seq int64) {
	m := l.messages[seq]
	if m == nil {
		return
	}
	l.drop(seq, 0)
	l.purged = append(l.purged, purged{l.pos, l.seq, seq, m.ID})
	if len(l.purged) > maxPurged {
		l.gone, l.purged = l.purged[0].pos, l.purged[1:]
	}
}

// purgeUser drops what is of a user, and returns the messages of others that have lost something.
func (l *log) purgeUser(user string) (others []*message) {
	for _, seq := range slices.Sorted(maps.Keys(l.messages)) {
		m := l.messages[seq]
		if m.User == user {
			l.purge(seq)
			continue
		}
		before := len(m.mentions)
		m.mentions = slices.DeleteFunc(m.mentions, func(name string) bool { return name == user })
		lost := m.By == user || len(m.mentions) < before
		if m.By == user {
			m.By = ""
		}
		for key, users := range m.reactions {
			lost = lost || users[user]
			if delete(users, user); len(users) == 0 {
				delete(m.reactions, key)
			}
		}
		if lost {
			others = append(others, m)
		}
	}
	delete(l.mentions, user)
	maps.DeleteFunc(l.ids, func(_ string, known remembered) bool { return known.user == user })
	return others
}
