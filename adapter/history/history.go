// Package history has the messages of a cluster that a server remembers, in the one order that all servers see. A
// transport that keeps messages writes them, and package adapter/session reads them for clients that return.
package history

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chorus/adapter/wire"
)

// ErrGone means that messages which a client missed are not kept any more.
var ErrGone = errors.New("adapter: messages that a client has missed are gone")

// Archive has the messages that a server does not remember any more.
type Archive interface {
	// Reaches reports whether all messages after an id are there.
	Reaches(ctx context.Context, id wire.StreamID) (bool, error)
	// After returns the next messages after an id; not all, and ErrGone when some are gone.
	After(ctx context.Context, id wire.StreamID) ([]Message, error)
}

// Limits bound a Log. Without messages it remembers none.
type Limits struct {
	Messages int
	Bytes    int
	Age      time.Duration // before the last one; 0: any
}

// Message is an entry that is remembered. Copies share what Once has made.
type Message struct {
	ID    wire.StreamID
	Entry *wire.Entry

	made *made
}

type made struct {
	once  sync.Once
	value any
}

// NewMessage returns the message of an entry.
func NewMessage(e *wire.Entry) Message { return Message{ID: e.ID, Entry: e, made: &made{}} }

// Once returns what build returns. It calls build the first time only.
func (m *Message) Once(build func() any) any {
	m.made.once.Do(func() { m.made.value = build() })
	return m.made.value
}

// Log has the last messages of a stream, and how far the server has come. Its methods are safe for concurrent use,
// except where they say otherwise.
type Log struct {
	// Lock is held while a message is delivered to the sockets of this server and remembered: the holder sees no
	// delivery half done.
	sync.Mutex
	kept  []Message     // the oldest first
	bytes int           // that they take
	floor wire.StreamID // all messages after this one are among kept

	limits Limits
	// Read without the lock: handlers may ask while they are told of a message. Messages up to done are handled, also
	// what sockets were made to join or leave.
	last, done atomic.Pointer[wire.StreamID]
}

// New returns an empty log.
func New(limits Limits) *Log {
	l := &Log{limits: limits}
	l.last.Store(&wire.StreamID{})
	l.done.Store(&wire.StreamID{})
	return l
}

// Limits returns the bounds of the log.
func (l *Log) Limits() Limits { return l.limits }

// Position returns the id of the last message that was delivered.
func (l *Log) Position() wire.StreamID { return *l.last.Load() }

// Handled returns the position up to which nothing is half done.
func (l *Log) Handled() wire.StreamID { return *l.done.Load() }

// Finish notes that the messages up to an id are handled.
func (l *Log) Finish(id wire.StreamID) { l.done.Store(&id) }

// Begin forgets all messages: the next one is the one after the position. The caller holds the lock.
func (l *Log) Begin(position wire.StreamID) {
	l.kept, l.bytes, l.floor = nil, 0, position
	l.last.Store(&position)
	l.Finish(position)
}

// Add remembers the next message. The caller holds the lock.
func (l *Log) Add(m Message) {
	l.last.Store(&m.ID)
	if l.limits.Messages <= 0 {
		l.floor = m.ID
		return
	}
	l.kept = append(l.kept, m)
	l.bytes += m.Entry.Size()
	for len(l.kept) > 0 && l.isOld(&l.kept[0]) {
		l.floor = l.kept[0].ID
		l.bytes -= l.kept[0].Entry.Size()
		l.kept[0] = Message{} // what it refers to is freed now, its place when the slice grows
		l.kept = l.kept[1:]
	}
}

func (l *Log) isOld(m *Message) bool {
	return len(l.kept) > l.limits.Messages || l.bytes > l.limits.Bytes ||
		l.limits.Age > 0 && m.ID.Ms+uint64(l.limits.Age.Milliseconds()) < l.Position().Ms //nolint:gosec // it is positive
}

// After returns the next messages after an id, at most limit, and whether these are all. remembered is false when
// some are forgotten. The caller holds the lock.
func (l *Log) After(id wire.StreamID, limit int) (next []Message, all, remembered bool) {
	if id.Compare(l.floor) < 0 {
		return nil, false, false
	}
	i, found := slices.BinarySearchFunc(l.kept, id, func(m Message, id wire.StreamID) int { return m.ID.Compare(id) })
	if found {
		i++
	}
	rest := l.kept[i:]
	return slices.Clone(rest[:min(limit, len(rest))]), len(rest) <= limit, true
}

// Size returns how many messages are remembered, and how many bytes they take.
func (l *Log) Size() (messages, bytes int) {
	l.Lock()
	defer l.Unlock()
	return len(l.kept), l.bytes
}

// Reaches reports whether all messages after an id, which this server has delivered, are remembered.
func (l *Log) Reaches(id wire.StreamID) bool {
	l.Lock()
	defer l.Unlock()
	return id.Compare(l.floor) >= 0 && id.Compare(l.Position()) <= 0
}
