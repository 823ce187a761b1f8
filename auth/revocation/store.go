package revocation

import (
	"context"
	"sync"
	"time"
)

// Store keeps the entries of a cluster and tells every node about them. Redis and memory implement it.
type Store interface {
	// Open begins to bring all entries into the table of this node, and calls changed when tokens may have become bad.
	// It is called once, first, and does not wait.
	Open(known *Table, changed func())

	// Put keeps an entry over the one that it takes the place of, see Entry.Over. When it returns nil, the table of this
	// node has it. Errors wrap ErrUnavailable.
	Put(ctx context.Context, key Key, entry Entry) error

	// Ready returns nil once the table has had all entries. Its error wraps ErrUnavailable.
	Ready() error

	// Wait returns as soon as Ready would return nil, or, when ctx ends before, what Ready returns.
	Wait(ctx context.Context) error

	// Close ends all goroutines. It is idempotent.
	Close(ctx context.Context) error
}

// memory is the store of a node alone.
type memory struct {
	mu      sync.Mutex // held to put
	known   *Table
	changed func()
}

var _ Store = (*memory)(nil)

func (m *memory) Open(known *Table, changed func()) { m.known, m.changed = known, changed }

func (m *memory) Put(_ context.Context, key Key, entry Entry) error {
	if m.put(key, entry) {
		m.changed()
	}
	return nil
}

func (m *memory) put(key Key, entry Entry) (stricter bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	return m.known.Merge(key, entry.Over(m.known.Get(key), now, now), now)
}

func (*memory) Ready() error { return nil }

func (*memory) Wait(context.Context) error { return nil }

func (*memory) Close(context.Context) error { return nil }
