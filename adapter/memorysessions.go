package adapter

import (
	"context"
	"sync"
	"time"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// memorySessions keeps the sessions of one namespace without their clients.
type memorySessions struct {
	opts RecoveryOptions

	mu      sync.Mutex
	kept    *expiring[*sessionRecord]
	dropped uint64 // before their time
}

func newMemorySessions(opts RecoveryOptions) *memorySessions {
	return &memorySessions{opts: opts, kept: newExpiring[*sessionRecord](opts.Sessions)}
}

func (m *memorySessions) find(_ context.Context, pid socket.PrivateSessionId) (*sessionRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.kept.get(pid); s != nil {
		return s.value, nil
	}
	return nil, nil
}

func (m *memorySessions) take(_ context.Context, r *sessionRecord) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.kept.get(r.pid); s == nil || s.value != r {
		return false, nil
	}
	m.kept.drop(r.pid)
	return true, nil
}

// changed does nothing: the session is here as long as the client is.
func (m *memorySessions) changed(*liveSession) {}

func (m *memorySessions) closed(r *sessionRecord) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropped += m.kept.put(r.pid, r, time.Now().Add(m.opts.MaxDisconnection))
}

func (m *memorySessions) ended(s *liveSession) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept.drop(s.pid)
}

// post sends and remembers a message of a node that is alone.
func (r *recovery) post(packet *parser.Packet, opts wireOptions, latest string) error {
	packet, err := repeatable(packet)
	if err != nil {
		return err
	}
	packet = r.local.addressed(packet)
	to, without := r.local.index.audiences(opts.rooms, opts.except)
	tellListeners(packet, to, without) // who may send in turn

	h := r.history
	h.mu.Lock()
	defer h.mu.Unlock()
	id := h.position().next()
	if now := uint64(time.Now().UnixMilli()); now > id.ms { //nolint:gosec // a time
		id = streamID{ms: now}
	}
	to, without = r.local.index.audiences(opts.rooms, opts.except)
	out := r.local.encode(packet, id.String(), &opts.flags, to)
	if len(out.encoded) == 0 {
		return nil // the parser has said why
	}
	p := &replay{said: &clusterMessage{kind: kindBroadcast, opts: opts}, acked: packet.Id != nil}
	p.encode(out.encoded)
	k := kept{id: id, replay: p, size: p.bytes}
	h.add(k)
	if repeats(packet, &opts.flags) {
		r.local.index.note(opts.rooms, id)
	}
	h.finish(id)
	if len(to) > 0 {
		out.write(&opts.flags, latest, to, without)
	}
	return nil
}
