package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"chorus/chat/notice"
	"chorus/chat/store"
)

// log is the log of a room.
type log struct {
	epoch           string
	pos, seq, first int64
	last, bytes     int64
	age             time.Duration // bound of the last message
	messages        map[int64]*message
	ids             map[string]remembered
	mentions        map[string][]int64 // user -> seqs of the messages that name the user, in order
	trimmed         []string           // ids of messages that were trimmed while they are to be remembered, oldest first
	purged          []purged           // oldest first
	gone            int64              // position of the last purge that purged has forgotten
}

// purged is a message that was purged, for clients that were away.
type purged struct {
	pos, head, seq int64
	id             string
}

// maxPurged is how many of them a log has.
const maxPurged = 1000

// message is a message with what the log knows of it besides.
type message struct {
	store.Message
	pos                  int64
	changePos, changeSeq int64
	mentions             []string
	reactions            map[string]map[string]bool // key -> users
}

// remembered is what is known of an id.
type remembered struct {
	seq, pos, at int64
	digest, user string
	chosen       bool // it may come again
}

// lateFragments is how many positions before a cursor the texts are looked at again.
const lateFragments = 256

// headBytes is about what a message takes besides its value.
const headBytes = 150

func (m *message) size() int64 {
	return headBytes + int64(len(m.ID)+len(m.User)+len(m.Name)+len(m.Value))
}

// shown returns the message as user sees it.
func (m *message) shown(epoch, user string) store.Message {
	out := m.Message
	out.Cursor = store.Position{Epoch: epoch, Pos: m.pos, Seq: m.Seq}.Cursor()
	out.Mentions = slices.Clone(m.mentions)
	out.Value = slices.Clone(m.Value)
	if m.Deleted {
		out.Value = nil
	}
	for _, key := range slices.Sorted(maps.Keys(m.reactions)) {
		out.Reactions = append(out.Reactions, store.Reaction{Key: key, Count: len(m.reactions[key]), Mine: user != "" && m.reactions[key][user]})
	}
	return out
}

func (m *message) changePosition(epoch string) store.Position {
	if m.changePos == 0 {
		return store.Position{Epoch: epoch, Pos: m.pos, Seq: m.Seq}
	}
	return store.Position{Epoch: epoch, Pos: m.changePos, Seq: m.changeSeq}
}

// end returns the position of the end.
func (l *log) end() store.Position { return store.Position{Epoch: l.epoch, Pos: l.pos, Seq: l.seq} }

// drop removes a message. Its id is remembered for keep.
func (l *log) drop(seq int64, keep time.Duration) {
	m := l.messages[seq]
	if m == nil {
		return
	}
	l.bytes -= m.size()
	delete(l.messages, seq)
	l.unmention(m)
	if keep > 0 && m.At+keep.Milliseconds() > milli() && l.ids[m.ID].chosen {
		l.trimmed = append(l.trimmed, m.ID)
	} else {
		delete(l.ids, m.ID)
	}
}

// unmention drops the mentions of a message.
func (l *log) unmention(m *message) {
	for _, user := range m.mentions {
		l.mentions[user] = slices.DeleteFunc(l.mentions[user], func(seq int64) bool { return seq == m.Seq })
		if len(l.mentions[user]) == 0 {
			delete(l.mentions, user)
		}
	}
	m.mentions = nil
}

// trim keeps the bounds.
func (l *log) trim(b store.Bounds, keep time.Duration) {
	for l.first <= l.seq {
		m := l.messages[l.first]
		old := m != nil && b.Age > 0 && m.At+b.Age.Milliseconds() < milli()
		many := b.Messages > 0 && len(l.messages) > b.Messages
		large := b.Bytes > 0 && l.bytes > b.Bytes && l.first < l.seq
		if m != nil && !old && !many && !large {
			return
		}
		l.drop(l.first, keep)
		l.first++
	}
}

// forget ends the memory of ids of trimmed messages.
func (l *log) forget(keep time.Duration, most int) {
	for len(l.trimmed) > 0 {
		known, ok := l.ids[l.trimmed[0]]
		if ok && len(l.trimmed) <= most && known.at+keep.Milliseconds() > milli() {
			return
		}
		if ok && known.seq < l.first {
			delete(l.ids, l.trimmed[0])
		}
		l.trimmed = l.trimmed[1:]
	}
}

// begin returns a log, which begins when it does not exist. The mutex is held.
func (s *Store) begin(name string, age time.Duration) (*log, error) {
	l := s.logs[name]
	if l != nil {
		l.age = age
		return l, nil
	}
	if len(s.logs) >= s.limits.Rooms {
		maps.DeleteFunc(s.logs, func(_ string, l *log) bool { return l.age > 0 && l.last+l.age.Milliseconds() < milli() })
	}
	if len(s.logs) >= s.limits.Rooms {
		return nil, &store.LimitError{Limit: int64(s.limits.Rooms), What: "rooms with history", Key: "rooms"}
	}
	l = &log{epoch: s.epochs.take(name), first: 1, age: age, messages: make(map[int64]*message), ids: make(map[string]remembered), mentions: make(map[string][]int64)}
	s.logs[name] = l
	return l, nil
}

// add appends a message.
func (l *log) add(m *message, digest string, chosen bool, b store.Bounds, keep time.Duration, most int) {
	l.pos++
	l.seq++
	l.last = max(milli(), l.last)
	m.Seq, m.pos, m.At, m.Version = l.seq, l.pos, l.last, 1
	l.messages[l.seq] = m
	l.bytes += m.size()
	for _, user := range m.mentions {
		if seqs := l.mentions[user]; len(seqs) == 0 || seqs[len(seqs)-1] != l.seq {
			l.mentions[user] = append(seqs, l.seq)
		}
	}
	l.ids[m.ID] = remembered{l.seq, l.pos, l.last, digest, m.User, chosen}
	l.trim(b, keep)
	l.forget(keep, most)
}

// record returns what the feed brings of a message now.
func (l *log) record(kind store.Kind, name string, topics []string, by, origin string, m *message) *store.Record {
	return &store.Record{
		Kind: kind, Log: name, Topics: topics, Epoch: l.epoch, Pos: l.pos, Head: l.seq, Cursor: l.end().Cursor(),
		At: max(milli(), l.last), By: by, Origin: origin, Message: m.shown(l.epoch, ""),
	}
}

// Append implements store.Log.
func (s *Store) Append(_ context.Context, a *store.Append) (store.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.overloaded(); err != nil {
		return store.Receipt{}, err
	}
	keep := max(cmp.Or(a.Remember, s.limits.Remember), 0)
	if l := s.logs[a.Log]; l != nil {
		if known, ok := l.ids[a.ID]; ok && (known.seq >= l.first || known.at+keep.Milliseconds() > milli()) {
			if known.digest != a.Digest || known.user != a.User {
				return store.Receipt{}, &store.ConflictError{Reason: "the id is that of another message"}
			}
			position := store.Position{Epoch: l.epoch, Pos: known.pos, Seq: known.seq}
			return store.Receipt{ID: a.ID, At: known.at, Seq: known.seq, Pos: known.pos, Cursor: position.Cursor(), Epoch: l.epoch, Repeated: true}, nil
		}
	}
	if wait := s.wait(a.Log, a.User); a.Slow > 0 && wait > 0 {
		return store.Receipt{}, &store.SlowError{Wait: wait}
	}
	l, err := s.begin(a.Log, a.Bounds.Age)
	if err != nil {
		return store.Receipt{}, err
	}
	if a.Slow > 0 {
		s.take(a.Log, a.User, a.Slow)
	}
	m := &message{mentions: slices.Clone(a.Mentions[:min(len(a.Mentions), s.limits.MentionsOfOne)]), Message: store.Message{
		ID: a.ID, User: a.User, Name: a.Name, Event: a.Event, Value: slices.Clone(a.Value), Attach: a.Attach, Text: a.Text, Open: a.Open, Length: a.Length,
	}}
	l.add(m, a.Digest, keep > 0, a.Bounds, keep, s.limits.RememberedIDs)
	if a.Mark {
		_ = s.mark(a.User, a.Log, l.end()) // beyond the limit there is none
	}
	r := l.record(store.KindMessage, a.Log, a.Topics, a.User, a.Origin, m)
	r.Except = a.Except
	s.tell(a.Topics, func(sink store.Sink) { sink.Logged(r) })
	s.noteMessage(notice.MessagePublished, a.Log, a.Notice, fmt.Sprintf(`,"at":%d`, m.At), m.Seq, l.end())
	return store.Receipt{ID: a.ID, At: m.At, Seq: m.Seq, Pos: m.pos, Cursor: l.end().Cursor(), Epoch: l.epoch}, nil
}

// Page implements store.Log.
func (s *Store) Page(_ context.Context, name string, q store.PageQuery) (store.Page, error) {
	mode, cursor := "newest", ""
	for _, m := range []struct{ name, cursor string }{{"since", q.Since}, {"before", q.Before}, {"after", q.After}} {
		if m.cursor != "" {
			mode, cursor = m.name, m.cursor
		}
	}
	var at store.Position
	if cursor != "" {
		var err error
		if at, err = store.ParseCursor(cursor); err != nil {
			return store.Page{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logs[name]
	if l == nil {
		epoch := s.epochs.of(name)
		return store.Page{Missed: at.Pos > 0, Epoch: epoch, Cursor: store.Position{Epoch: epoch}.Cursor()}, nil
	}
	l.trim(q.Bounds, s.limits.Remember)
	return l.page(mode, at, q), nil
}

const (
	maxPage     = 1000
	defaultSize = 1 << 20
)

// page reads as the script of package chat/redis does.
func (l *log) page(mode string, at store.Position, q store.PageQuery) store.Page {
	page := store.Page{Pos: l.pos, Head: l.seq, Epoch: l.epoch, Cursor: l.end().Cursor()}
	if mode != "newest" && at.Pos > 0 && (at.Epoch != l.epoch || at.Pos > l.pos || mode == "since" && at.Pos < l.gone) || (mode == "since" || mode == "after") && at.Seq < l.first-1 {
		mode, page.Missed = "newest", true
	}
	seq, step := at.Seq+1, int64(1)
	switch mode {
	case "newest":
		seq, step = l.seq, -1
	case "before":
		seq, step = at.Seq, -1
		if m := l.messages[seq]; m != nil && m.pos >= at.Pos {
			seq--
		}
		page.Missed = at.Seq < l.first
	}
	limit, size, taken := min(q.Limit, maxPage), int64(cmp.Or(q.MaxBytes, defaultSize)), int64(0)
	for ; seq >= l.first && seq <= l.seq; seq += step {
		m := l.messages[seq]
		if m == nil {
			continue
		}
		if n := len(page.Messages); n >= limit || n > 0 && taken+m.size() > size {
			page.More = true
			break
		}
		taken += m.size()
		page.Messages = append(page.Messages, m.shown(l.epoch, q.User))
	}
	if step < 0 {
		slices.Reverse(page.Messages)
	}
	if mode == "since" {
		if page.Changes, page.Missed = l.changes(at, q.User, 4*size-taken); page.Missed {
			page = l.page("newest", at, q)
			page.Missed = true
			return page
		}
	}
	if n := len(page.Messages); n > 0 {
		page.First, page.Last = page.Messages[0].Cursor, page.Messages[n-1].Cursor
		if page.More && !page.Missed && (mode == "since" || mode == "after") {
			page.Cursor = page.Last
		}
	}
	return page
}

// changes returns the messages up to a position that were changed after it, or that there are too many.
func (l *log) changes(at store.Position, user string, size int64) (changes []store.Message, missed bool) {
	var changed []*message
	for _, m := range l.messages {
		// Fragments of texts are told later than what came after them: a client that left in between has them not.
		late := m.Text && at.Pos > 0 && m.changePos > 0 && m.changePos >= at.Pos-lateFragments
		if (m.changePos > at.Pos || late) && m.Seq <= at.Seq {
			changed = append(changed, m)
			size -= m.size()
		}
	}
	if len(changed) > 1000 || size < 0 {
		return nil, true
	}
	for _, p := range l.purged {
		if at.Pos > 0 && p.pos > at.Pos && p.seq <= at.Seq {
			changed = append(changed, &message{changePos: p.pos, changeSeq: p.head, Message: store.Message{ID: p.id, Seq: p.seq, Version: 1, Deleted: true, Purged: true}})
		}
	}
	slices.SortStableFunc(changed, func(a, b *message) int { return cmp.Compare(a.changePos, b.changePos) })
	for _, m := range changed {
		out := m.shown(l.epoch, user)
		out.Cursor = m.changePosition(l.epoch).Cursor()
		changes = append(changes, out)
	}
	return changes, false
}
