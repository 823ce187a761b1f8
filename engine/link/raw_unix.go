//go:build unix

package link

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// rawConn returns the connection's file descriptor, nil when it has none of its own.
func rawConn(conn net.Conn) syscall.RawConn {
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// try writes once; the runtime keeps the descriptor from being closed meanwhile.
func (w *Writer) try(fd uintptr) bool {
	for w.n < len(w.p) {
		n, err := syscall.Write(int(fd), w.p[w.n:])
		switch {
		case err == syscall.EINTR: //nolint:errorlint // a plain errno
			continue
		case err == syscall.EAGAIN: //nolint:errorlint // a plain errno
			w.err = ErrBlocked
			return true
		case err != nil:
			w.err = err
			return true
		}
		// A short write says that the buffer is full: asking again would only cost a system call.
		if w.n += n; w.n < len(w.p) {
			w.err = ErrBlocked
		}
		return true
	}
	return true
}

// writable asks once more, since the runtime forgets what it knew before it waits.
func writable(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}} //nolint:gosec // a descriptor fits
	n, err := unix.Poll(fds, 0)
	return n != 0 || err != nil && err != unix.EINTR //nolint:errorlint // a plain errno
}

// fill waits until there is something to read, without a buffer, and reads it into one of the pool.
func (r *receiver) fill() error {
	if r.link.raw == nil {
		return r.fillHolding()
	}
	err := r.link.raw.Read(r.fn)
	if r.buf == nil {
		return err
	}
	return r.err
}

// try reads once; the runtime keeps the descriptor from being closed meanwhile.
func (r *receiver) try(fd uintptr) bool {
	r.buf = r.link.group.buffers.get()
	for {
		r.n, r.err = syscall.Read(int(fd), *r.buf)
		switch {
		case r.err == syscall.EINTR: //nolint:errorlint // a plain errno
			continue
		case r.err == syscall.EAGAIN: //nolint:errorlint // a plain errno
			r.release()
			return false
		case r.err == nil && r.n <= 0:
			r.err = io.EOF
		}
		return true
	}
}
