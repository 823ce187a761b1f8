package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// pollEvents is how many events one turn takes from the epoll instance.
const pollEvents = 128

// poller reads the WebSockets of a shard with one goroutine, the turn. A goroutine for each connection would cost its
// stack, a wake-up and a second read for every message or two.
//
// The epoll instance is a descriptor in the poller of the Go runtime, so the turn waits as any goroutine does and holds
// no thread. Sockets are level-triggered: what one read leaves comes with the next event. Handlers run in the turn. One
// that waits, or takes longer than maxTurn, keeps the goroutine, and another turn reads the other connections: see
// release and monitor.
type poller struct {
	server *Server
	file   *os.File
	fd     int // of file, whose own Fd would make it blocking
	raw    syscall.RawConn

	mu     sync.Mutex
	seats  []seat
	free   []int32
	turn   *turn
	seen   uint64 // the count of turn at the last look of the monitor
	closed bool
}

// seat is a place for a connection. Its generation grows with each connection that takes it.
type seat struct {
	w          *watched
	generation int32
}

// turn is the goroutine that polls. Its fields without a lock belong to that goroutine.
type turn struct {
	poller *poller
	events [pollEvents]unix.EpollEvent
	ready  int
	buf    *[]byte
	n      int
	err    error

	// Bound once, so that a read allocates nothing.
	poll, read func(fd uintptr) bool
	feed       func() error

	// Guarded by poller.mu.
	current *watched // whose handlers run
	count   uint64   // connections that had their turn
}

var errNothing = errors.New("there is nothing to read")

func newPoller(s *Server) (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // it makes NewFile give it to the poller of the runtime
		return nil, errors.Join(err, unix.Close(fd))
	}
	p := &poller{server: s, file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	p.begin()
	return p, nil
}

// begin starts a turn; p.mu is held, or nobody knows p yet.
func (p *poller) begin() {
	t := &turn{poller: p, buf: p.server.buffers.get()}
	t.poll, t.read, t.feed = t.wait, t.try, t.handle
	p.turn, p.seen = t, 0
	p.server.goes.Go(t.run) // ends with close, or when another turn has taken over and its handler has returned
}

// close ends the turn. No connection is watched any more.
func (p *poller) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.file.Close()
}

// watch takes over a connection, and reports whether it could.
func (p *poller) watch(w *watched) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if len(p.free) == 0 {
		p.free = append(p.free, int32(len(p.seats))) //nolint:gosec // there are fewer connections than that
		p.seats = append(p.seats, seat{})
	}
	w.poller, w.seat = p, p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.seats[w.seat].w = w
	p.seats[w.seat].generation++
	w.rd.link.watched.Store(w) // before the epoll instance has it, see link.close
	if err := p.control(w, unix.EPOLL_CTL_ADD); err != nil {
		p.unseat(w)
		w.rd.link.watched.Store(nil)
		return false
	}
	return true
}

// control adds a connection to the epoll instance, or removes it; p.mu is held.
func (p *poller) control(w *watched, op int) (err error) {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: w.seat, Pad: p.seats[w.seat].generation}
	if closed := w.rd.link.raw.Control(func(fd uintptr) { err = unix.EpollCtl(p.fd, op, int(fd), &event) }); closed != nil {
		return closed
	}
	return err
}

// unseat frees the seat of a connection; p.mu is held.
func (p *poller) unseat(w *watched) {
	p.seats[w.seat].w = nil
	p.free = append(p.free, w.seat)
}

// leave takes a connection out of the poller, and has end called in a goroutine of its own. The first call counts. While
// a turn serves the connection, end waits for it: a reader belongs to one goroutine at a time.
func (p *poller) leave(w *watched, end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.left {
		return
	}
	w.left = true
	if !w.away {
		_ = p.control(w, unix.EPOLL_CTL_DEL) // a closed connection is not there any more
	}
	if w.served {
		w.end = end
		return
	}
	p.unseat(w)
	p.server.goes.Go(end) // ends with the connection
}

// release has another turn read the other connections, because a handler of w waits or takes long.
func (p *poller) release(w *watched) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.turn.current == w && !p.closed {
		p.handOver()
	}
}

// handOver starts another turn; p.mu is held.
func (p *poller) handOver() {
	w := p.turn.current
	w.away = true
	if !w.left {
		_ = p.control(w, unix.EPOLL_CTL_DEL) // level-triggered, it would come again and again
	}
	p.begin()
}

// look hands over when the turn serves the same connection as at the last look, and reports whether the turn is at work.
func (p *poller) look() (busy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.turn
	if t.current == nil || p.closed {
		return false
	}
	if t.count == p.seen {
		p.handOver()
	}
	p.seen = t.count
	return true
}

// run reads until the poller is closed or another turn has taken over.
func (t *turn) run() {
	defer t.poller.server.buffers.put(t.buf)
	for {
		if err := t.poller.raw.Read(t.poll); err != nil || t.err != nil {
			return
		}
		for _, event := range t.events[:t.ready] {
			if t.take(event) && !t.serve() {
				return
			}
		}
	}
}

// wait looks for events once; the runtime calls it again when there are some.
func (t *turn) wait(fd uintptr) bool {
	t.ready, t.err = unix.EpollWait(int(fd), t.events[:], 0)
	for t.err == unix.EINTR { //nolint:errorlint // a plain errno
		t.ready, t.err = unix.EpollWait(int(fd), t.events[:], 0)
	}
	return t.ready != 0
}

// take makes the connection of an event the current one, and reports whether it is still there.
func (t *turn) take(event unix.EpollEvent) bool {
	p := t.poller
	p.mu.Lock()
	s := &p.seats[event.Fd]
	if s.w == nil || s.generation != event.Pad || s.w.served || s.w.left {
		p.mu.Unlock()
		return false
	}
	s.w.served = true
	t.current = s.w
	t.count++
	p.mu.Unlock()
	p.server.monitor.notice()
	return true
}

// serve reads from the current connection and calls its handlers. It returns false when another turn has taken over.
func (t *turn) serve() bool {
	w, p := t.current, t.poller
	err := w.rd.link.raw.Read(t.read)
	if err == nil {
		err = t.err
	}
	if err == nil {
		err = p.server.guard(t.feed)
	}
	if errors.Is(err, errNothing) {
		err = nil
	}
	t.err = nil

	p.mu.Lock()
	defer p.mu.Unlock()
	t.current, w.served = nil, false
	if err == nil && w.away && !w.left {
		w.away = false
		err = p.control(w, unix.EPOLL_CTL_ADD)
	}
	if err != nil && !w.left {
		w.left = true
		_ = p.control(w, unix.EPOLL_CTL_DEL)
		w.end = func() { w.conn.endLink(w.rd, &w.packets, err) }
	}
	if w.left {
		p.unseat(w)
		p.server.goes.Go(w.end) // ends with the connection
		w.end = nil
	}
	return p.turn == t
}

// try reads once; the runtime keeps the descriptor from being closed meanwhile.
func (t *turn) try(fd uintptr) bool {
	for {
		t.n, t.err = syscall.Read(int(fd), *t.buf)
		switch {
		case t.err == syscall.EINTR: //nolint:errorlint // a plain errno
			continue
		case t.err == syscall.EAGAIN: //nolint:errorlint // a plain errno
			t.err = errNothing
		case t.err == nil && t.n <= 0:
			t.err = io.EOF
		}
		return true
	}
}

// handle gives what was read to the handlers of the current connection.
func (t *turn) handle() error {
	w := t.current
	return w.rd.feed((*t.buf)[:t.n], &w.packets)
}
