package memory

import (
	"context"
	"fmt"

	"chorus/chat/store"
)

// Change implements store.Log.
func (s *Store) Change(_ context.Context, c *store.Change) (store.Changed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.overloaded(); err != nil {
		return store.Changed{}, err
	}
	l := s.logs[c.Log]
	var m *message
	if l != nil {
		known, ok := l.ids[c.ID]
		if m = l.messages[known.seq]; m == nil && ok {
			return store.Changed{}, store.ErrNotFound
		}
	}
	if m == nil {
		if c.Kind != store.KindExtend {
			return store.Changed{}, store.ErrNotFound
		}
		return s.beginText(c)
	}
	if c.Kind != store.KindReact && m.User != c.User && (!c.Moderator || c.Kind == store.KindExtend) {
		return store.Changed{}, store.ErrNotOwner
	}
	before := m.size()
	c2, noop, err := s.alter(m, c, max(milli(), l.last))
	if err != nil {
		return store.Changed{}, err
	}
	if !noop {
		l.pos++
		m.changePos, m.changeSeq = l.pos, l.seq
		l.bytes += m.size() - before
		l.trim(c.Bounds, s.limits.Remember)
		s.publishChange(l, m, c, c2)
	}
	return changedOf(l, m, c, c2, noop), nil
}

// altered is what a change leaves besides the message.
type altered struct {
	count  int
	offset int64
	shown  []byte
}

// alter changes a message. noop means that it was so already.
func (s *Store) alter(m *message, c *store.Change, now int64) (a altered, noop bool, err error) {
	if m.Deleted {
		if c.Kind == store.KindDelete {
			return a, true, nil
		}
		if c.Kind != store.KindExtend {
			return a, false, store.ErrNotFound
		}
	}
	conflict := &store.ConflictError{Version: m.Version, Reason: "the message is another by now"}
	switch c.Kind {
	case store.KindEdit:
		if c.Version > 0 && c.Version != m.Version || m.Open {
			return a, false, conflict
		}
		m.Value, m.Attach, m.Text, m.Length = append([]byte(nil), c.Value...), c.Attach, false, 0
		m.Version++
		m.EditedAt, m.By, a.shown = now, c.User, m.Value
	case store.KindDelete:
		s.logs[c.Log].unmention(m)
		m.Value, m.Attach, m.Text, m.Open, m.Cancelled, m.Length, m.reactions = nil, false, false, false, false, 0, nil
		m.Deleted, m.DeletedAt, m.By = true, now, c.User
	case store.KindReact:
		return s.react(m, c)
	case store.KindExtend:
		if !m.Text || !m.Open {
			return a, false, conflict
		}
		if most := s.mostBytes(c); int64(len(m.Value)+len(c.Value)) > most {
			return a, false, &store.LimitError{Limit: most, What: "bytes of a message", Key: "text"}
		}
		a.shown, a.offset = append([]byte(nil), c.Value...), m.Length
		m.Value = append(m.Value, c.Value...)
		m.Length += c.Length
		m.Open, m.Cancelled = !c.Done && !c.Cancel, c.Cancel
	default:
		return a, false, fmt.Errorf("chat: %q is no change of a message", c.Kind)
	}
	return a, false, nil
}

func (s *Store) mostBytes(c *store.Change) int64 {
	if c.MaxBytes > 0 {
		return c.MaxBytes
	}
	return s.limits.MessageBytes
}

func (s *Store) react(m *message, c *store.Change) (a altered, noop bool, err error) {
	users := m.reactions[c.Key]
	if users[c.User] == c.On {
		return altered{count: len(users)}, true, nil
	}
	if !c.On {
		if delete(users, c.User); len(users) == 0 {
			delete(m.reactions, c.Key)
		}
		return altered{count: len(users)}, false, nil
	}
	total := 0
	for _, users := range m.reactions {
		total += len(users)
	}
	switch {
	case users == nil && len(m.reactions) >= s.limits.ReactionKeys:
		return a, false, store.TooManyReactionKeys(s.limits.ReactionKeys)
	case total >= s.limits.Reactions:
		return a, false, store.TooManyReactions(s.limits.Reactions)
	}
	if m.reactions == nil {
		m.reactions = make(map[string]map[string]bool)
	}
	if users == nil {
		users = make(map[string]bool)
		m.reactions[c.Key] = users
	}
	users[c.User] = true
	return altered{count: len(users)}, false, nil
}

// beginText begins a message that Extend goes on with.
func (s *Store) beginText(c *store.Change) (store.Changed, error) {
	if most := s.mostBytes(c); int64(len(c.Value)) > most {
		return store.Changed{}, &store.LimitError{Limit: most, What: "bytes of a message", Key: "text"}
	}
	if wait := s.wait(c.Log, c.User); c.Slow > 0 && wait > 0 {
		return store.Changed{}, &store.SlowError{Wait: wait}
	}
	l, err := s.begin(c.Log, c.Bounds.Age)
	if err != nil {
		return store.Changed{}, err
	}
	if c.Slow > 0 {
		s.take(c.Log, c.User, c.Slow)
	}
	m := &message{Message: store.Message{
		ID: c.ID, User: c.User, Name: c.Name, Event: c.Event, Value: append([]byte(nil), c.Value...),
		Text: true, Open: !c.Done && !c.Cancel, Cancelled: c.Cancel, Length: c.Length,
	}}
	l.add(m, "-", false, c.Bounds, s.limits.Remember, s.limits.RememberedIDs)
	a := altered{shown: m.Value}
	s.publishChange(l, m, c, a)
	return changedOf(l, m, c, a, false), nil
}

func (s *Store) publishChange(l *log, m *message, c *store.Change, a altered) {
	r := l.record(c.Kind, c.Log, c.Topics, c.User, c.Origin, m)
	r.Value, r.Key, r.On, r.Count, r.Offset = a.shown, c.Key, c.On, a.count, a.offset
	s.tell(c.Topics, func(sink store.Sink) { sink.Logged(r) })
	s.noteChange(l, m, c)
}

func changedOf(l *log, m *message, c *store.Change, a altered, noop bool) store.Changed {
	user := ""
	if c.Kind == store.KindReact {
		user = c.User
	}
	out := store.Changed{Message: m.shown(l.epoch, user), Offset: a.offset, Noop: noop}
	position := m.changePosition(l.epoch)
	out.Value, out.Pos, out.Cursor = nil, position.Pos, position.Cursor()
	return out
}
