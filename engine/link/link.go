// Package link has the TCP connections of WebSockets. A link is written without waiting, and read by a poller, which reads
// many, or by a goroutine of its own.
package link

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrBlocked means that a connection takes nothing now.
var ErrBlocked = errors.New("the connection takes nothing now")

// Reader takes what comes from a link. One goroutine at a time calls it.
type Reader interface {
	// Feed takes bytes, which are valid during the call and may be changed. An error ends the reading.
	Feed(data []byte) error
	// End is called once, when a poller reads the link no more, and says why.
	End(err error)
}

// Link is one connection.
//
// The descriptor belongs to the net.Conn. It is read, written, added to the epoll instance of a poller and removed from
// it inside of calls of syscall.RawConn alone, which fail after Close. So a number that the kernel gives to another
// connection is never used.
type Link struct {
	net.Conn
	raw    syscall.RawConn // nil: writes go by way of a goroutine, as for TLS
	group  *Group
	reader Reader

	finished atomic.Bool
	poller   atomic.Pointer[Poller] // nil until one has been asked to read the link
	behind   *behind                // used without raw

	// Guarded by the poller's lock.
	seat   int32
	served bool // a turn reads it and calls its reader
	away   bool // the epoll instance does not have it: it goes on in a goroutine of its own until its reader returns
	left   bool // the poller does not have it, or its end is under way
	end    func()
}

// Group is what the links of a server have in common.
type Group struct {
	goroutines *sync.WaitGroup // counts every goroutine
	buffers    bufferPool
}

// NewGroup returns a group whose goroutines are counted in goroutines.
func NewGroup(goroutines *sync.WaitGroup) *Group {
	return &Group{goroutines: goroutines}
}

// Init makes a link of a connection.
func (l *Link) Init(conn net.Conn, group *Group, reader Reader) {
	l.Conn, l.raw, l.group, l.reader = conn, rawConn(conn), group, reader
	if l.raw == nil {
		l.behind = &behind{}
	}
}

// Direct reports whether a write tells how much the system took. Otherwise a goroutine writes.
func (l *Link) Direct() bool { return l.raw != nil }

// Finished reports whether nothing more is written. What the client still says is not listened to.
func (l *Link) Finished() bool { return l.finished.Load() }

// Linger is how long a client may take to close a connection that the server has closed.
const Linger = 2 * time.Second

// Finish ends what is written, and bounds what is read: closing at once would reset the connection
// when something of the client is still to be read, and what was written last would be lost.
func (l *Link) Finish() {
	if l.raw != nil { // else the last write does it
		l.closeWrite()
	}
	_ = l.SetReadDeadline(time.Now().Add(Linger))
	l.awaitEnd()
}

func (l *Link) closeWrite() {
	if half, ok := l.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// Drain reads until the client closes, or the time is over.
func (l *Link) Drain() { _, _ = io.Copy(io.Discard, l.Conn) }

// Close closes the connection. A link that a poller reads gets no event of that, so the poller is told.
func (l *Link) Close() error {
	err := l.Conn.Close()
	if p := l.poller.Load(); p != nil {
		p.leave(l, func() { l.reader.End(net.ErrClosed) })
	}
	return err
}

// awaitEnd has a goroutine wait until the client closes a connection that the server has finished, or the time is over.
func (l *Link) awaitEnd() {
	if p := l.poller.Load(); p != nil {
		p.leave(l, func() {
			l.Drain()
			l.reader.End(io.EOF)
		})
	}
}

// Watch gives the link to a poller, and reports whether that took it.
func (l *Link) Watch(p *Poller) bool {
	if p == nil || l.raw == nil || l.poller.Load() != nil || !p.watch(l) {
		return false
	}
	if l.finished.Load() { // it may have been finished before it was watched
		l.awaitEnd()
	}
	return true
}

// MayWait is called by a Reader before it waits: the poller goes on with the other links.
func (l *Link) MayWait() {
	if p := l.poller.Load(); p != nil {
		p.release(l)
	}
}
