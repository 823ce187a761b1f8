//go:build unix

package forward

import (
	"io"
	"net"
	"syscall"
)

// read waits for bytes without a buffer, and reads them into one of the pool. Connections without a
// descriptor of their own, as those with TLS, hold a buffer while they wait.
func (f *Forwarder) read(conn net.Conn) (buffer *[]byte, n int, err error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return f.readHolding(conn)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, 0, err
	}
	var readErr error
	err = raw.Read(func(fd uintptr) bool {
		buffer, _ = f.buffers.Get().(*[]byte) // nothing else is there
		for {
			n, readErr = syscall.Read(int(fd), *buffer)
			switch {
			case readErr == syscall.EINTR: //nolint:errorlint // a plain errno
				continue
			case readErr == syscall.EAGAIN: //nolint:errorlint // a plain errno
				f.buffers.Put(buffer)
				buffer = nil
				return false
			case readErr == nil && n <= 0:
				readErr = io.EOF
			}
			return true
		}
	})
	if err == nil {
		err = readErr
	}
	return buffer, max(n, 0), err
}
