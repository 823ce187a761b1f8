package session

import (
	"context"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// memoryStore keeps the sessions without their clients in this process.
type memoryStore struct {
	ttl time.Duration

	mu      sync.Mutex
	kept    *expiring[*record]
	dropped uint64 // before their time
}

var _ store = (*memoryStore)(nil)

func newMemoryStore(opts Options) *memoryStore {
	return &memoryStore{ttl: opts.MaxDisconnection, kept: newExpiring[*record](opts.Sessions)}
}

func (m *memoryStore) find(_ context.Context, pid socket.PrivateSessionId) (*record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.kept.get(pid); s != nil {
		return s.value, nil
	}
	return nil, nil
}

func (m *memoryStore) take(_ context.Context, r *record) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.kept.get(r.Pid); s == nil || s.value != r {
		return false, nil
	}
	m.kept.drop(r.Pid)
	return true, nil
}

// changed does nothing: the session is here as long as the client is.
func (m *memoryStore) changed(*session) {}

func (m *memoryStore) gone(pid socket.PrivateSessionId, d departure) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d.record == nil {
		m.kept.drop(pid)
		return
	}
	m.dropped += m.kept.put(pid, d.record, time.Now().Add(m.ttl))
}

func (m *memoryStore) stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Stats{Away: len(m.kept.byPid), Dropped: m.dropped}
}
