package trial

import (
	"context"
	"encoding/gob"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"chorus/adapter"
	"chorus/adapter/wire"
	"chorus/internal/acl"
)

// Transport connects a server to a hub. It does not connect again.
type Transport struct {
	conn      net.Conn
	prefix    string
	malformed atomic.Uint64
	done      chan struct{} // closed when the connection has ended

	mu     sync.Mutex
	out    *gob.Encoder
	links  map[string]*link // by namespace
	closed bool
}

var _ adapter.Transport = (*Transport)(nil)

// New returns a transport over the hub at an address. Servers with different prefixes are strangers.
func New(addr, prefix string) (*Transport, error) {
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	t := &Transport{conn: conn, prefix: prefix, out: gob.NewEncoder(conn), links: make(map[string]*link), done: make(chan struct{})}
	go t.read() // ends with the connection
	return t, nil
}

// Malformed returns how many messages made no sense.
func (t *Transport) Malformed() uint64 { return t.malformed.Load() }

// Open implements adapter.Transport.
func (t *Transport) Open(ns adapter.Namespace) (adapter.Link, error) {
	l := &link{t: t, ns: ns, name: t.prefix + "#" + ns.Name()}
	t.mu.Lock()
	t.links[l.name] = l
	t.mu.Unlock()
	return l, t.send(frame{Name: l.name, Servers: 1})
}

// Health implements adapter.Transport.
func (t *Transport) Health() (err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.links {
		if t.closed || l.servers.Load() == 0 {
			err = fmt.Errorf("%w: namespace %s is not connected", adapter.ErrUnavailable, l.ns.Name())
		}
	}
	return err
}

// Needs implements adapter.Transport: there is no Redis.
func (t *Transport) Needs() []acl.Command { return nil }

// Close implements adapter.Transport.
func (t *Transport) Close(ctx context.Context) error {
	_ = t.conn.Close()
	select {
	case <-t.done:
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (t *Transport) read() {
	defer close(t.done)
	for in := gob.NewDecoder(t.conn); ; {
		var f frame
		err := in.Decode(&f)
		t.mu.Lock()
		t.closed = err != nil
		l := t.links[f.Name]
		t.mu.Unlock()
		switch {
		case err != nil:
			return
		case l == nil: // it has left
		case f.Servers > 0:
			l.servers.Store(int64(f.Servers))
		default:
			if m, err := wire.ReadFrame(f.Payload); err != nil || l.ns.Receive(m) != nil {
				t.malformed.Add(1)
			}
		}
	}
}

func (t *Transport) send(f frame) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return adapter.ErrClosed
	}
	return t.out.Encode(f)
}

type link struct {
	t       *Transport
	ns      adapter.Namespace
	name    string
	servers atomic.Int64
}

// Publish implements adapter.Link.
func (l *link) Publish(m *wire.Message, done func(string, error)) error {
	payload, err := wire.AppendFrame(nil, l.ns.Server(), l.ns.Name(), m)
	if err != nil {
		return err
	}
	err = l.t.send(frame{Name: l.name, Payload: payload})
	if done != nil {
		done("", err)
	}
	return nil
}

// Reply implements adapter.Link. The other servers pass over an answer that they have not asked for.
func (l *link) Reply(_ string, m *wire.Message) error { return l.Publish(m, nil) }

// Servers implements adapter.Link.
func (l *link) Servers(context.Context) (int, error) {
	return int(l.servers.Load()), l.t.Health()
}

// Follow implements adapter.Link.
func (l *link) Follow([]adapter.Room) {}

// Close implements adapter.Link.
func (l *link) Close() {
	l.t.mu.Lock()
	delete(l.t.links, l.name)
	l.t.mu.Unlock()
	_ = l.t.send(frame{Name: l.name, Servers: -1})
}
