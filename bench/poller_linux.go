package bench

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// poller receives for many connections with one goroutine. A goroutine for each of them would cost
// a wake-up and a second read(2) for every message or two; here, one look at the epoll instance
// finds many connections readable, and while the goroutine reads them, more gathers at the others.
//
// The epoll instance is itself watched by the runtime's poller, so that waiting occupies no thread.
type poller struct {
	receiver *receiver
	epoll    *os.File
	fd       int // of epoll: its own Fd would make it blocking
	raw      syscall.RawConn
	conns    []atomic.Pointer[conn] // by the number that their events carry
	next     atomic.Int32
	running  sync.WaitGroup
}

const (
	pollEvents = 256
	pollBuffer = 64 << 10 // bytes, for one read
)

func newPoller(r *receiver, connections int) (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // it makes NewFile hand it to the runtime's poller
		return nil, errors.Join(err, unix.Close(fd))
	}
	p := &poller{receiver: r, epoll: os.NewFile(uintptr(fd), "epoll"), fd: fd, conns: make([]atomic.Pointer[conn], connections)}
	if p.raw, err = p.epoll.SyscallConn(); err != nil {
		return nil, errors.Join(err, p.epoll.Close())
	}
	p.running.Go(p.poll) // ends with close
	return p, nil
}

// adopt takes a connection over; one that is stalled is not read from again.
func (p *poller) adopt(h *handshake, c *conn) error {
	tcp, ok := h.conn.(*net.TCPConn)
	if !ok {
		return errors.New("not a TCP connection")
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	// A second descriptor of the same connection, so that the runtime's poller knows nothing of it.
	fd := -1
	if ctlErr := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); ctlErr != nil || err != nil {
		return errors.Join(ctlErr, err)
	}
	if err := tcp.Close(); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	s := &epollSocket{fd: fd, number: p.next.Add(1) - 1, epoll: p.fd}
	c.socket = s
	p.conns[s.number].Store(c)
	if c.stalled {
		return s.control(unix.EPOLL_CTL_ADD, 0)
	}
	return s.control(unix.EPOLL_CTL_ADD, unix.EPOLLIN)
}

// resume reads again from a connection that is stalled.
func (p *poller) resume(c *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone {
		_ = c.socket.notifyWritable(false) // it asks for what can be read, too; a connection that cannot be watched stays stalled
	}
}

// poll receives until the epoll instance is closed.
func (p *poller) poll() {
	events := make([]unix.EpollEvent, pollEvents)
	buffer := make([]byte, pollBuffer)
	for {
		var n int
		var pollErr error
		err := p.raw.Read(func(fd uintptr) bool {
			n, pollErr = unix.EpollWait(int(fd), events, 0)
			for pollErr == unix.EINTR { //nolint:errorlint // a system call's own error
				n, pollErr = unix.EpollWait(int(fd), events, 0)
			}
			return n != 0
		})
		if err != nil || pollErr != nil {
			return
		}
		for _, event := range events[:n] {
			c := p.conns[event.Fd].Load()
			if event.Events&unix.EPOLLOUT != 0 {
				if err := c.flush(); err != nil {
					p.receiver.drop(c, err)
					continue
				}
			}
			if event.Events&^unix.EPOLLOUT != 0 {
				buffer = p.read(c, buffer)
			}
		}
	}
}

// read reads once from a connection, and returns the buffer, which grows for greater frames.
func (p *poller) read(c *conn, buffer []byte) []byte {
	begin := copy(buffer, c.partial)
	n, err := unix.Read(c.socket.(*epollSocket).fd, buffer[begin:]) //nolint:errcheck,forcetypeassert // adopt made it
	switch {
	case err == unix.EAGAIN || err == unix.EINTR: //nolint:errorlint // a system call's own error
		return buffer
	case err != nil:
		p.receiver.drop(c, err)
		return buffer
	case n == 0:
		p.receiver.drop(c, io.EOF)
		return buffer
	}
	chunk := buffer[:begin+n]
	used, err := p.receiver.take(c, chunk)
	if err != nil {
		p.receiver.drop(c, err)
		return buffer
	}
	c.partial = append(c.partial[:0], chunk[used:]...)
	if len(c.partial) == len(buffer) {
		buffer = make([]byte, 2*len(buffer)) // maxFrame bounds it
	}
	return buffer
}

// close ends the goroutine and waits for it. The connections stay open.
func (p *poller) close() {
	_ = p.epoll.Close() // nothing is written to it
	p.running.Wait()
}

// epollSocket is a connection in a poller. Its conn's lock guards it.
type epollSocket struct {
	fd, epoll int
	number    int32
}

func (s *epollSocket) tryWrite(b []byte) (int, error) {
	n, err := unix.Write(s.fd, b)
	if err == unix.EAGAIN || err == unix.EINTR { //nolint:errorlint // a system call's own error
		return 0, nil
	}
	return n, err
}

func (s *epollSocket) notifyWritable(wanted bool) error {
	events := uint32(unix.EPOLLIN)
	if wanted {
		events |= unix.EPOLLOUT
	}
	return s.control(unix.EPOLL_CTL_MOD, events)
}

func (s *epollSocket) control(op int, events uint32) error {
	return unix.EpollCtl(s.epoll, op, s.fd, &unix.EpollEvent{Events: events, Fd: s.number})
}

func (s *epollSocket) close() error { return unix.Close(s.fd) }
