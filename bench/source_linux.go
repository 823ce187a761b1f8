package bench

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// lateBind has the system choose the port when it knows the server (ip(7), IP_BIND_ADDRESS_NO_PORT). A port that another
// server's connection had, or still has, is then free.
func lateBind(_, _ string, raw syscall.RawConn) error {
	var err error
	ctlErr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) })
	return errors.Join(ctlErr, err)
}
