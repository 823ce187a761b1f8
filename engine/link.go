package engine

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// errBlocked means that a connection takes nothing now.
var errBlocked = errors.New("the connection takes nothing now")

// link is the TCP connection of a WebSocket. A poller or one goroutine reads, and the shard's one writes.
type link struct {
	conn     net.Conn
	raw      syscall.RawConn // nil: writes go by way of a goroutine, as for TLS
	encoding encoding
	finished atomic.Bool // nothing more is written; what the client still says is not listened to
	watched  atomic.Pointer[watched]
	behind   behind // used without raw
}

func newLink(conn net.Conn, e encoding, goes *sync.WaitGroup) *link {
	return &link{conn: conn, raw: rawConn(conn), encoding: e, behind: behind{goes: goes}}
}

// linger is how long a client may take to close a connection that the server has closed.
const linger = 2 * time.Second

// finish ends what is written, and bounds what is read: closing at once would reset the connection
// when something of the client is still to be read, and what was written last would be lost.
func (l *link) finish() {
	if l.raw != nil { // else the last write does it
		l.closeWrite()
	}
	_ = l.conn.SetReadDeadline(time.Now().Add(linger))
	l.awaitEnd()
}

func (l *link) closeWrite() {
	if half, ok := l.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// writer writes to the links of a shard. It is one object for all, so that a write allocates
// nothing.
type writer struct {
	p   []byte
	n   int
	err error
	fn  func(fd uintptr) bool
}

// write gives p to the link and returns how much of it was taken, with errBlocked when that was not
// all.
func (w *writer) write(l *link, p []byte) (int, error) {
	if l.raw == nil {
		return l.writeBehind(p)
	}
	if w.fn == nil {
		w.fn = w.try
	}
	w.p, w.n, w.err = p, 0, nil
	err := l.raw.Write(w.fn)
	w.p = nil
	if err == nil {
		err = w.err
	}
	return w.n, err
}

// writeLast writes what ends a connection that is not blocked.
func (w *writer) writeLast(l *link, p []byte) error {
	if l.raw == nil {
		return l.endBehind(p)
	}
	_, err := w.write(l, p)
	return err
}

// awaitWritable returns when the link takes something again, or has failed.
func (l *link) awaitWritable() {
	if l.raw != nil {
		_ = l.raw.Write(writable)
		return
	}
	if written := l.behind.underWay(); written != nil {
		<-written
	}
}
