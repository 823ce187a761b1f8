package engine

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// errBlocked means that a connection takes nothing now.
var errBlocked = errors.New("the connection takes nothing now")

// link is the TCP connection of a WebSocket. One goroutine reads, and the shard's one writes.
type link struct {
	conn     net.Conn
	raw      syscall.RawConn // nil: writes go by way of a goroutine, as for TLS
	encoding encoding
	finished atomic.Bool  // nothing more is written; what the client still says is not listened to
	busy     atomic.Bool  // without raw: a write is under way
	failed   atomic.Value // without raw: error of the last write
}

func newLink(conn net.Conn, e encoding) *link {
	return &link{conn: conn, raw: rawConn(conn), encoding: e}
}

// linger is how long a client may take to close a connection that the server has closed.
const linger = 2 * time.Second

// finish ends what is written, and bounds what is read: closing at once would reset the connection
// when something of the client is still to be read, and what was written last would be lost.
func (l *link) finish() {
	if half, ok := l.conn.(interface{ CloseWrite() error }); ok && !l.busy.Load() {
		_ = half.CloseWrite()
	}
	_ = l.conn.SetReadDeadline(time.Now().Add(linger))
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

// writeBehind takes all of p, or nothing while an earlier write is under way.
func (l *link) writeBehind(p []byte) (int, error) {
	if err, failed := l.failed.Load().(error); failed {
		return 0, err
	}
	if !l.busy.CompareAndSwap(false, true) {
		return 0, errBlocked
	}
	p = append([]byte(nil), p...)
	go func() { // ends with the write, which ends with the connection
		if _, err := l.conn.Write(p); err != nil {
			l.failed.Store(err)
		}
		l.busy.Store(false)
	}()
	return len(p), nil
}

// pollWritable is how often a link without raw is looked at while it is behind.
const pollWritable = 2 * time.Millisecond

// awaitWritable returns when the link takes something again, or has failed.
func (l *link) awaitWritable() {
	if l.raw == nil {
		for l.busy.Load() {
			time.Sleep(pollWritable)
		}
		return
	}
	_ = l.raw.Write(func(fd uintptr) bool { return writable(fd) })
}
