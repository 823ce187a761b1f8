package adapter

import (
	"context"
	"sync"
	"time"

	"chorus/adapter/wire"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// memorySessions keeps the sessions of one namespace without their clients.
type memorySessions struct {
	opts RecoveryOptions

	mu      sync.Mutex
	kept    *expiring[*wire.Session]
	dropped uint64 // before their time
}

func newMemorySessions(opts RecoveryOptions) *memorySessions {
	return &memorySessions{opts: opts, kept: newExpiring[*wire.Session](opts.Sessions)}
}

func (m *memorySessions) find(_ context.Context, pid socket.PrivateSessionId) (*wire.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.kept.get(pid); s != nil {
		return s.value, nil
	}
	return nil, nil
}

func (m *memorySessions) take(_ context.Context, r *wire.Session) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.kept.get(r.Pid); s == nil || s.value != r {
		return false, nil
	}
	m.kept.drop(r.Pid)
	return true, nil
}

// changed does nothing: the session is here as long as the client is.
func (m *memorySessions) changed(*liveSession) {}

func (m *memorySessions) closed(r *wire.Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropped += m.kept.put(r.Pid, r, time.Now().Add(m.opts.MaxDisconnection))
}

func (m *memorySessions) ended(s *liveSession) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept.drop(s.pid)
}

// post sends and remembers a message of a node that is alone.
func (r *recovery) post(packet *parser.Packet, opts wire.Options, latest string) error {
	packet, err := wire.Repeatable(packet)
	if err != nil {
		return err
	}
	packet = r.local.addressed(packet)
	to, without := r.local.index.audiences(opts.Rooms, opts.Except)
	tellListeners(packet, to, without) // who may send in turn

	h := r.history
	h.mu.Lock()
	defer h.mu.Unlock()
	id := h.position().Next()
	if now := uint64(time.Now().UnixMilli()); now > id.Ms { //nolint:gosec // a time
		id = wire.StreamID{Ms: now}
	}
	to, without = r.local.index.audiences(opts.Rooms, opts.Except)
	out := r.local.encode(packet, id.String(), &opts.Flags, to)
	if len(out.encoded) == 0 {
		return nil // the parser has said why
	}
	p := &replay{said: &wire.Message{Kind: wire.Broadcast, Opts: opts}, acked: packet.Id != nil}
	p.encode(out.encoded)
	k := kept{id: id, replay: p, size: p.bytes}
	h.add(k)
	if repeats(packet, &opts.Flags) {
		r.local.index.note(opts.Rooms, id)
	}
	h.finish(id)
	if len(to) > 0 {
		out.write(&opts.Flags, latest, to, without)
	}
	return nil
}
