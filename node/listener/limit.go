package listener

import (
	"container/list"
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"chorus/internal/address"
	"chorus/node/proxy"
)

// TCP is a listener that bounds how many TCP connections are open, in total and for each address.
// A connection that serves nobody at the moment gives way to a new one: it is idle, sends a request,
// or has one that will be answered soon. One that carries a WebSocket or a waiting poll stays. So
// those who hold connections for nothing shut nobody out.
type TCP struct {
	net.Listener
	max, maxPerAddress int
	exempt             proxy.Trusted // have no limit of their own
	proxyProtocol      bool          // the exempt may say who their client is, see proxyHeader
	log                *slog.Logger

	Evicted, Refused atomic.Uint64
	Strangers        atomic.Uint64 // connections refused because of their PROXY header

	mu        sync.Mutex
	open      int
	byAddress map[string]*addressConns
	spare     list.List // of *tcpConn that may give way, the one that did nothing for longest first
}

// addressConns are the connections of one address.
type addressConns struct {
	open  int
	spare list.List // as that of tcpLimit
}

// tcpConn is a connection that counts. It stays a *net.TCPConn to those who ask for its descriptor.
type tcpConn struct {
	*net.TCPConn
	limit   *TCP
	address string        // as limits count it
	trusted bool          // a proxy, which has no limit of its own
	header  *proxy.Header // nil without the PROXY protocol

	// Guarded by limit.mu.
	spare, spareOfAddress *list.Element // nil while the connection serves somebody
	hijacked, closed      bool
}

func newTCP(listener net.Listener, limit, limitPerAddress int, log *slog.Logger) *TCP {
	return &TCP{Listener: listener, max: limit, maxPerAddress: limitPerAddress, log: log, byAddress: make(map[string]*addressConns)}
}

// Accept waits for a connection within the limits.
func (l *TCP) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			if isTemporary(err) {
				l.evictForDescriptor(err)
			}
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return conn, nil // of a listener that is not TCP
		}
		if c := l.admit(tcp); c != nil {
			return c, nil
		}
		_ = conn.Close()
	}
}

// isTemporary reports whether Accept may succeed later: the process has no descriptor left, or the
// client has gone. The HTTP server waits a moment after such an error, and accepts again.
func isTemporary(err error) bool {
	temporary, ok := err.(net.Error)   //nolint:errorlint // as net/http does
	return ok && temporary.Temporary() //nolint:staticcheck // as net/http does
}

// evictForDescriptor closes a connection that serves nobody, so that there is a descriptor again.
func (l *TCP) evictForDescriptor(err error) {
	l.log.Warn("a connection cannot be accepted; if no descriptors are left, raise the limit (ulimit -n) or lower max_connections", slog.Any("error", err))
	l.mu.Lock()
	victim := l.oldest(&l.spare)
	l.mu.Unlock()
	l.evict(victim)
}

// admit counts a connection in, or returns nil when it is one too many.
func (l *TCP) admit(conn *net.TCPConn) *tcpConn {
	peer := conn.RemoteAddr().String()
	c := &tcpConn{TCPConn: conn, limit: l, address: address.Of(peer), trusted: l.exempt.Trusts(peer)}
	if l.proxyProtocol {
		c.header = &proxy.Header{Trusted: c.trusted}
	}
	var victim *tcpConn
	l.mu.Lock()
	ofAddress := l.byAddress[c.address]
	if ofAddress == nil {
		ofAddress = &addressConns{}
		l.byAddress[c.address] = ofAddress
	}
	full := false
	switch {
	case l.maxPerAddress > 0 && ofAddress.open >= l.maxPerAddress && !c.trusted:
		victim, full = l.oldest(&ofAddress.spare), true
	case l.open >= l.max:
		victim, full = l.oldest(&l.spare), true
	}
	refused := full && victim == nil
	if refused {
		if ofAddress.open == 0 {
			delete(l.byAddress, c.address)
		}
	} else {
		l.open++
		ofAddress.open++
		c.spare, c.spareOfAddress = l.spare.PushBack(c), ofAddress.spare.PushBack(c)
	}
	l.mu.Unlock()

	if refused {
		l.Refused.Add(1)
		l.log.Warn("a TCP connection was refused: too many are open, see limits.tcp and limits.tcp_per_address", slog.String("address", c.address))
		return nil
	}
	l.evict(victim)
	return c
}

// oldest returns the connection of a list that did nothing for longest, nil when there is none. It is
// called with l.mu locked.
func (l *TCP) oldest(spare *list.List) *tcpConn {
	front := spare.Front()
	if front == nil {
		return nil
	}
	c, _ := front.Value.(*tcpConn) // nothing else is stored there
	l.unspare(c)
	return c
}

func (l *TCP) evict(c *tcpConn) {
	if c == nil {
		return
	}
	l.Evicted.Add(1)
	l.log.Debug("a TCP connection that served nobody was closed for a new one", slog.String("address", c.address))
	_ = c.SetLinger(0) // it takes nothing any more: what it was sent does not stay in the kernel
	_ = c.Close()
}

// unspare has a connection stay, whatever comes. It is called with l.mu locked.
func (l *TCP) unspare(c *tcpConn) {
	if c.spare == nil {
		return
	}
	l.spare.Remove(c.spare)
	l.byAddress[c.address].spare.Remove(c.spareOfAddress)
	c.spare, c.spareOfAddress = nil, nil
}

// serves has a connection stay while it serves somebody, or makes it the last of those that give way.
func (c *tcpConn) serves(somebody bool) {
	l := c.limit
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.closed {
		return
	}
	l.unspare(c)
	if !somebody && !c.hijacked {
		c.spare, c.spareOfAddress = l.spare.PushBack(c), l.byAddress[c.address].spare.PushBack(c)
	}
}

// Close closes the connection and counts it out.
func (c *tcpConn) Close() error {
	l := c.limit
	l.mu.Lock()
	if !c.closed {
		l.unspare(c)
		c.closed = true
		l.open--
		ofAddress := l.byAddress[c.address]
		if ofAddress.open--; ofAddress.open == 0 {
			delete(l.byAddress, c.address)
		}
	}
	l.mu.Unlock()
	return c.TCPConn.Close()
}

// RemoteAddr returns the address of the client that the peer names, or of the peer.
func (c *tcpConn) RemoteAddr() net.Addr {
	if c.header != nil && c.header.Read(c.TCPConn) == nil && c.header.Client != nil {
		return c.header.Client
	}
	return c.TCPConn.RemoteAddr()
}

// Read reads what follows the header of the peer.
func (c *tcpConn) Read(b []byte) (int, error) {
	if c.header != nil {
		if err := c.header.Read(c.TCPConn); err != nil {
			c.limit.Strangers.Add(1)
			c.limit.log.Warn("a connection was refused because of its PROXY header", slog.String("address", c.address), slog.Any("error", err))
			return 0, err
		}
	}
	return c.TCPConn.Read(b)
}

// Count returns how many connections are open.
func (l *TCP) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// connContext makes the connection of a request known to its handlers, for http.Server.ConnContext.
func connContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// Stays has the connection of a request stay while its handler runs, and returns what ends that.
func Stays(r *http.Request) (done func()) {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	c := tcpOf(conn)
	if c == nil {
		return func() {}
	}
	c.serves(true)
	return func() { c.serves(false) }
}

// followState notes which connections are idle and which carry a WebSocket, for http.Server.ConnState.
func followState(conn net.Conn, state http.ConnState) {
	c := tcpOf(conn)
	if c == nil {
		return
	}
	switch state {
	case http.StateHijacked:
		c.limit.mu.Lock()
		c.hijacked = true
		c.limit.mu.Unlock()
		c.serves(true)
	case http.StateIdle:
		c.serves(false)
	case http.StateNew, http.StateActive, http.StateClosed:
	}
}

// tcpOf returns the connection that counts under another one, nil when there is none.
func tcpOf(conn net.Conn) *tcpConn {
	if above, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = above.NetConn()
	}
	c, _ := conn.(*tcpConn)
	return c
}
