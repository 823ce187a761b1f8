// Package storetest tests implementations of store.Store: all of them behave the same.
package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"chorus/chat/store"
)

// Open returns a store whose limits are those, started with the sink. It is closed with the test.
type Open func(t *testing.T, limits store.Limits, sink store.Sink) store.Store

// Run tests a store of one node.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"log: append, seq, cursors":           testAppend,
		"log: idempotency":                    testIdempotency,
		"log: idempotency at the same time":   testManyAppends,
		"log: bounds":                         testBounds,
		"log: age":                            testAge,
		"log: pages":                          testPages,
		"log: too many changes":               testManyChanges,
		"log: changes":                        testChanges,
		"log: refused changes":                testRefusedChanges,
		"log: reactions":                      testReactions,
		"log: streaming text":                 testText,
		"log: purge":                          testPurge,
		"log: rooms with history":             testRooms,
		"log: cursors under load":             testCursorsUnderLoad,
		"log: concurrent edits":               testConcurrentEdits,
		"log: any bytes and names":            testBytes,
		"log: each log":                       testEachLog,
		"placements":                          testPlacements,
		"feed: order, topics and signals":     testFeed,
		"once":                                testOnce,
		"presence":                            testPresence,
		"presence: pages":                     testPresencePages,
		"presence: status":                    testStatus,
		"markers":                             testMarkers,
		"moderation: bars, slow mode, freeze": testModeration,
		"moderation: limits":                  testModerationLimits,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// Sink records what a store brings.
type Sink struct {
	mu       sync.Mutex
	records  []*store.Record
	presence map[string][]*store.PresenceChange
	signals  []string
	barred   []string
	lost     []string
	changed  chan struct{} // closed and replaced with each call
}

// NewSink returns an empty sink.
func NewSink() *Sink {
	return &Sink{presence: make(map[string][]*store.PresenceChange), changed: make(chan struct{})}
}

func (s *Sink) note(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Logged implements store.Sink.
func (s *Sink) Logged(r *store.Record) { s.note(func() { s.records = append(s.records, r) }) }

// Present implements store.Sink.
func (s *Sink) Present(room string, c *store.PresenceChange) {
	s.note(func() { s.presence[room] = append(s.presence[room], c) })
}

// Barred implements store.Sink.
func (s *Sink) Barred(topic string) { s.note(func() { s.barred = append(s.barred, topic) }) }

// Signalled implements store.Sink.
func (s *Sink) Signalled(topic string, data []byte) {
	s.note(func() { s.signals = append(s.signals, topic+"="+string(data)) })
}

// Lost implements store.Sink.
func (s *Sink) Lost(topic string) { s.note(func() { s.lost = append(s.lost, topic) }) }

// Await waits until a condition on the sink holds.
func (s *Sink) Await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	timeout := time.NewTimer(30 * time.Second)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		ok, changed := condition(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout.C:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// Records waits for n records of a log and returns them.
func (s *Sink) Records(t *testing.T, log string, n int) (records []*store.Record) {
	t.Helper()
	s.Await(t, fmt.Sprintf("%d records of %s", n, log), func() bool {
		records = records[:0]
		for _, r := range s.records {
			if r.Log == log {
				records = append(records, r)
			}
		}
		return len(records) >= n
	})
	return records
}

// Lose returns the topics that were lost.
func (s *Sink) Lose() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.lost...)
}

// Users returns the users of a room as one who hears everything knows them, and the last count.
func (s *Sink) Users(room string) (users map[string]store.Present, joins, leaves, count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	users = make(map[string]store.Present)
	for _, c := range s.presence[room] {
		if c.Reset {
			continue
		}
		for _, u := range c.Joined {
			users[u.User] = u
			joins++
		}
		for _, u := range c.Changed {
			users[u.User] = u
		}
		for _, user := range c.Left {
			delete(users, user)
			leaves++
		}
		count = c.Count
	}
	return users, joins, leaves, count
}

// Message returns what Append needs for a message.
func Message(log, id, user, value string) *store.Append {
	return &store.Append{Log: log, Topics: []string{log}, ID: id, User: user, Name: "Name of " + user, Digest: value, Value: []byte(value)}
}

// say appends a message.
func say(t *testing.T, s store.Store, a *store.Append) store.Receipt {
	t.Helper()
	r, err := s.Append(t.Context(), a)
	if err != nil {
		t.Fatalf("append %s: %v", a.ID, err)
	}
	return r
}

func page(t *testing.T, s store.Store, log string, q store.PageQuery) store.Page {
	t.Helper()
	p, err := s.Page(t.Context(), log, q)
	if err != nil {
		t.Fatalf("page of %s: %v", log, err)
	}
	return p
}

func change(t *testing.T, s store.Store, c *store.Change) store.Changed {
	t.Helper()
	c.Topics = []string{c.Log}
	out, err := s.Change(t.Context(), c)
	if err != nil {
		t.Fatalf("%s %s: %v", c.Kind, c.ID, err)
	}
	return out
}

func ids(messages []store.Message) string {
	out := ""
	for _, m := range messages {
		out += m.ID + " "
	}
	return out
}

func background() context.Context { return context.Background() }
