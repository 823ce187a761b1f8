package memory

import (
	"context"
	"maps"
	"slices"

	"chorus/chat/store"
)

type marker struct {
	epoch string
	seq   int64
}

// Read implements store.Markers.
func (s *Store) Read(_ context.Context, user, name string, seq int64) (store.Unread, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var end store.Position
	if l := s.logs[name]; l != nil {
		end = l.end()
	}
	end.Seq = max(min(seq, end.Seq), 0)
	if err := s.mark(user, name, end); err != nil {
		return store.Unread{}, err
	}
	return s.unread(user, name), nil
}

// mark moves a marker forward. The mutex is held.
func (s *Store) mark(user, name string, to store.Position) error {
	own := s.markers[user]
	old, known := own[name]
	if !known && len(own) >= s.limits.Markers {
		return &store.LimitError{Limit: int64(s.limits.Markers), What: "rooms with a marker", Key: "markers"}
	}
	if own == nil {
		own = make(map[string]marker)
		s.markers[user] = own
	}
	if !known || old.epoch != to.Epoch || old.seq < to.Seq {
		own[name] = marker{to.Epoch, to.Seq}
	}
	return nil
}

// Forget implements store.Markers.
func (s *Store) Forget(_ context.Context, user, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.markers[user], name); len(s.markers[user]) == 0 {
		delete(s.markers, user)
	}
	return nil
}

// Unread implements store.Markers.
func (s *Store) Unread(_ context.Context, user string, logs []string) ([]store.Unread, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if logs == nil {
		logs = slices.Sorted(maps.Keys(s.markers[user]))
	}
	list := make([]store.Unread, 0, len(logs))
	for _, name := range logs {
		list = append(list, s.unread(user, name))
	}
	return list, nil
}

// unread compares a marker with the end of a log. The mutex is held.
func (s *Store) unread(user, name string) store.Unread {
	u, l := store.Unread{Log: name}, s.logs[name]
	if l == nil {
		return u
	}
	if at := s.markers[user][name]; at.epoch == l.epoch {
		u.Read = at.seq
	}
	u.Last = l.seq
	u.Unread = max(u.Last-u.Read, 0)
	seqs := l.mentions[user]
	i, _ := slices.BinarySearch(seqs, u.Read+1)
	u.Mentions = int64(len(seqs) - i)
	return u
}
