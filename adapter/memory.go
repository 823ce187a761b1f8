package adapter

import (
	"context"
	"sync"
	"time"

	"chorus/adapter/history"
	"chorus/adapter/wire"
	"chorus/internal/acl"
)

// NewMemory returns the adapters of a server that is alone: rooms and broadcasts in this process, no Redis.
func NewMemory() *Cluster { return New(&Memory{}, Options{}) }

// Memory is the transport of a server that is alone. It remembers messages where clients resume their sessions. The zero
// value is ready for use.
type Memory struct {
	mu   sync.Mutex
	logs map[string]*history.Log // by namespace
}

var _ Transport = (*Memory)(nil)

// History returns the log of the messages of a namespace, which are remembered from then on. There is no archive.
func (t *Memory) History(nsp string, limits history.Limits) (*history.Log, history.Archive) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.logs == nil {
		t.logs = make(map[string]*history.Log)
	}
	log := t.logs[nsp]
	if log == nil {
		log = history.New(limits)
		t.logs[nsp] = log
	}
	return log, nil
}

// OnReturn does nothing: there is no outage.
func (t *Memory) OnReturn(func()) {}

// Open implements Transport.
func (t *Memory) Open(ns Namespace) (Link, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &memoryLink{ns: ns, log: t.logs[ns.Name()]}, nil
}

// Health implements Transport.
func (t *Memory) Health() error { return nil }

// Needs implements Transport.
func (t *Memory) Needs() []acl.Command { return nil }

// Close implements Transport.
func (t *Memory) Close(context.Context) error { return nil }

type memoryLink struct {
	ns  Namespace
	log *history.Log // nil where no client resumes its session
}

// Publish implements Link. There are no other servers; with a log the message comes back at once.
func (l *memoryLink) Publish(m *wire.Message, done func(offset string, err error)) error {
	if l.log != nil && !m.IsRequest() {
		if err := l.deliver(m); err != nil {
			return err
		}
	}
	if done != nil {
		done("", nil)
	}
	return nil
}

func (l *memoryLink) deliver(m *wire.Message) error {
	received := *m
	received.Server = l.ns.Server()
	if m.Kind != wire.Broadcast || m.Opts.Flags.Volatile {
		return l.ns.Receive(&received)
	}
	entry, err := wire.NewEntry(received.Server, l.ns.Name(), m)
	if err != nil {
		return err
	}
	l.log.Lock()
	defer l.log.Unlock()
	entry.ID = l.log.Position().Next()
	if now := uint64(time.Now().UnixMilli()); now > entry.ID.Ms { //nolint:gosec // a time
		entry.ID = wire.StreamID{Ms: now}
	}
	received.Offset = entry.ID.String()
	l.log.Add(history.NewMessage(&entry))
	defer l.log.Finish(entry.ID)
	return l.ns.Receive(&received)
}

// Reply implements Link.
func (l *memoryLink) Reply(string, *wire.Message) error { return nil }

// Servers implements Link.
func (l *memoryLink) Servers(context.Context) (int, error) { return 1, nil }

// Follow implements Link.
func (l *memoryLink) Follow([]Room) {}

// Close implements Link.
func (l *memoryLink) Close() {}
