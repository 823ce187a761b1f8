package link

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pollEvents is how many events one turn takes from the epoll instance.
const pollEvents = 128

// Poller reads many links with one goroutine, the turn. A goroutine for each connection would cost its
// stack, a wake-up and a second read for every message or two.
//
// The epoll instance is a descriptor in the poller of the Go runtime, so the turn waits as any goroutine does and holds
// no thread. Sockets are level-triggered: what one read leaves comes with the next event. Handlers run in the turn. One
// that waits, or takes longer than maxTurn, keeps the goroutine, and another turn reads the other connections: see
// release and overdue.
type Poller struct {
	group *Group
	file  *os.File
	fd    int // of file, whose own Fd would make it blocking
	raw   syscall.RawConn

	// late calls overdue. It is set for each connection that has its turn, and stopped behind it: a ticker would wake a
	// node that has little to do all the time, which takes more than its messages.
	late *time.Timer

	mu     sync.Mutex
	seats  []seat
	free   []int32
	turn   *turn
	closed bool
}

// maxTurn is how long a handler may hold up the other connections of its poller.
const maxTurn = 5 * time.Millisecond

// seat is a place for a link. Its generation grows with each one that takes it. An event carries the seat and its
// generation and not the descriptor: an event of a link that has left its seat meets nobody.
type seat struct {
	link       *Link
	generation int32
}

// turn is the goroutine that polls. Its fields without a lock belong to that goroutine.
type turn struct {
	poller *Poller
	events [pollEvents]unix.EpollEvent
	ready  int
	buf    *[]byte
	n      int
	err    error

	// Bound once, so that a read allocates nothing.
	poll, read func(fd uintptr) bool

	// Guarded by poller.mu.
	current *Link // whose handlers run
	began   time.Time
}

var errNothing = errors.New("there is nothing to read")

// NewPoller starts a poller. It fails with errors.ErrUnsupported on other systems.
func (g *Group) NewPoller() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // it makes NewFile give it to the poller of the runtime
		return nil, errors.Join(err, unix.Close(fd))
	}
	p := &Poller{group: g, file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	p.late = time.AfterFunc(time.Hour, p.overdue) // there is no turn yet
	p.late.Stop()
	p.begin()
	return p, nil
}

// begin starts a turn; p.mu is held, or nobody knows p yet.
func (p *Poller) begin() {
	t := &turn{poller: p, buf: p.group.buffers.get()}
	t.poll, t.read = t.wait, t.try
	p.turn = t
	p.group.goroutines.Go(t.run) // ends with close, or when another turn has taken over and its handler has returned
}

// Close ends the turn. No link is watched any more.
func (p *Poller) Close() {
	p.mu.Lock()
	p.closed = true
	p.late.Stop()
	p.mu.Unlock()
	_ = p.file.Close()
}

// watch takes over a connection, and reports whether it could.
func (p *Poller) watch(l *Link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if len(p.free) == 0 {
		p.free = append(p.free, int32(len(p.seats))) //nolint:gosec // there are fewer connections than that
		p.seats = append(p.seats, seat{})
	}
	l.seat = p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.seats[l.seat].link = l
	p.seats[l.seat].generation++
	l.poller.Store(p) // before the epoll instance has it, see Link.Close
	if err := p.control(l, unix.EPOLL_CTL_ADD); err != nil {
		l.left = true
		p.unseat(l)
		return false
	}
	return true
}

// control adds a connection to the epoll instance, or removes it; p.mu is held.
func (p *Poller) control(l *Link, op int) (err error) {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: l.seat, Pad: p.seats[l.seat].generation}
	if closed := l.raw.Control(func(fd uintptr) { err = unix.EpollCtl(p.fd, op, int(fd), &event) }); closed != nil {
		return closed
	}
	return err
}

// unseat frees the seat of a connection; p.mu is held.
func (p *Poller) unseat(l *Link) {
	p.seats[l.seat].link = nil
	p.free = append(p.free, l.seat)
}

// leave takes a connection out of the poller, and has end called in a goroutine of its own. The first call counts. While
// a turn serves the connection, end waits for it: a reader belongs to one goroutine at a time.
func (p *Poller) leave(l *Link, end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.left {
		return
	}
	l.left = true
	if !l.away {
		_ = p.control(l, unix.EPOLL_CTL_DEL) // a closed connection is not there any more
	}
	if l.served {
		l.end = end
		return
	}
	p.unseat(l)
	p.group.goroutines.Go(end) // ends with the connection
}

// release has another turn read the other connections, because a handler of l waits or takes long.
func (p *Poller) release(l *Link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.turn.current == l && !p.closed {
		p.handOver()
	}
}

// handOver starts another turn; p.mu is held.
func (p *Poller) handOver() {
	l := p.turn.current
	l.away = true
	if !l.left {
		_ = p.control(l, unix.EPOLL_CTL_DEL) // level-triggered, it would come again and again
	}
	p.begin()
}

// overdue hands over when the handlers of a connection have taken maxTurn.
func (p *Poller) overdue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.turn
	if t.current == nil || p.closed {
		return
	}
	if left := maxTurn - time.Since(t.began); left > 0 { // it is another one's turn since
		p.late.Reset(left)
		return
	}
	p.handOver()
}

// run reads until the poller is closed or another turn has taken over.
func (t *turn) run() {
	defer t.poller.group.buffers.put(t.buf)
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
	if s.link == nil || s.generation != event.Pad || s.link.served || s.link.left {
		p.mu.Unlock()
		return false
	}
	s.link.served = true
	t.current, t.began = s.link, time.Now()
	p.late.Reset(maxTurn)
	p.mu.Unlock()
	return true
}

// serve reads from the current connection and calls its handlers. It returns false when another turn has taken over.
func (t *turn) serve() bool {
	l, p := t.current, t.poller
	err := l.raw.Read(t.read)
	if err == nil {
		err = t.err
	}
	if err == nil {
		err = l.reader.Feed((*t.buf)[:t.n])
	}
	if errors.Is(err, errNothing) {
		err = nil
	}
	t.err = nil

	p.mu.Lock()
	defer p.mu.Unlock()
	if t.current, l.served = nil, false; p.turn == t {
		p.late.Stop()
	}
	if err == nil && l.away && !l.left {
		l.away = false
		err = p.control(l, unix.EPOLL_CTL_ADD)
	}
	if err != nil && !l.left {
		l.left = true
		_ = p.control(l, unix.EPOLL_CTL_DEL)
		l.end = func() { l.reader.End(err) }
	}
	if l.left {
		p.unseat(l)
		p.group.goroutines.Go(l.end) // ends with the connection
		l.end = nil
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
