package adapter

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// memorySessions keeps the sessions of one namespace without their clients.
type memorySessions struct {
	opts RecoveryOptions

	mu       sync.Mutex
	sessions map[socket.PrivateSessionId]*memorySession
	order    []*memorySession // those that end first come first
}

type memorySession struct {
	*sessionRecord
	ends time.Time
}

func newMemorySessions(opts RecoveryOptions) *memorySessions {
	return &memorySessions{opts: opts, sessions: make(map[socket.PrivateSessionId]*memorySession)}
}

func (m *memorySessions) find(_ context.Context, pid socket.PrivateSessionId) (*sessionRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(0)
	if s := m.sessions[pid]; s != nil {
		return s.sessionRecord, nil
	}
	return nil, nil
}

func (m *memorySessions) take(_ context.Context, r *sessionRecord) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[r.pid]
	if s == nil || s.sessionRecord != r {
		return false, nil
	}
	delete(m.sessions, r.pid)
	return true, nil
}

// changed does nothing: the session is here as long as the client is.
func (m *memorySessions) changed(*liveSession) {}

func (m *memorySessions) closed(_ *liveSession, r *sessionRecord) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(1)
	s := &memorySession{r, time.Now().Add(m.opts.MaxDisconnection)}
	m.sessions[r.pid] = s
	m.order = append(m.order, s)
}

func (m *memorySessions) ended(s *liveSession) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, s.pid)
}

// expire drops what has ended, and the oldest where there are too many with so many more; m.mu is held.
func (m *memorySessions) expire(more int) {
	now := time.Now()
	for len(m.order) > 0 && (len(m.order)+more > m.opts.Sessions || now.After(m.order[0].ends)) {
		if old := m.order[0]; m.sessions[old.pid] == old {
			delete(m.sessions, old.pid)
		}
		m.order[0] = nil
		m.order = m.order[1:]
	}
}

// post sends and remembers a message of a node that is alone.
func (r *recovery) post(packet *parser.Packet, opts wireOptions, latest string) error {
	packet, err := repeatable(packet)
	if err != nil {
		return err
	}
	packet = r.local.addressed(packet)
	to, without := r.local.index.audiences(opts.rooms, opts.except)
	to = slices.DeleteFunc(to, func(a *audience) bool { return len(a.sockets) == 0 })
	tellListeners(packet, to, without) // who may send in turn

	h := r.history
	h.mu.Lock()
	defer h.mu.Unlock()
	id := h.position().next()
	if now := uint64(time.Now().UnixMilli()); now > id.ms { //nolint:gosec // a time
		id = streamID{ms: now}
	}
	withOffset(packet, &opts, id.String())
	encoded := r.local.nsp.Server().Encoder().Encode(packet)
	if len(encoded) == 0 {
		return nil // the parser has said why
	}
	k := kept{id: id, opts: opts, encoded: encoded, acked: packet.Id != nil}
	for _, part := range encoded {
		k.size += part.Len()
	}
	h.add(k)
	to, without = r.local.index.audiences(opts.rooms, opts.except)
	to = slices.DeleteFunc(to, func(a *audience) bool { return len(a.sockets) == 0 })
	if len(to) > 0 {
		write(encoded, &opts.flags, latest, to, without)
	}
	return nil
}
