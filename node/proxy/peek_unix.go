//go:build unix

package proxy

import (
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// peek waits until something has come and copies it, without taking it off the connection.
func peek(conn *net.TCPConn, buffer []byte, end time.Time) (n int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	if err := conn.SetReadDeadline(end); err != nil {
		return 0, err
	}
	defer conn.SetReadDeadline(time.Time{}) //nolint:errcheck // the connection is closed then
	var peekErr error
	err = raw.Read(func(fd uintptr) bool {
		n, _, peekErr = unix.Recvfrom(int(fd), buffer, unix.MSG_PEEK)
		return !errors.Is(peekErr, unix.EAGAIN)
	})
	switch {
	case err != nil:
		return 0, err
	case peekErr != nil:
		return 0, peekErr
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}
