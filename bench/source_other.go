//go:build !linux

package bench

import "syscall"

// lateBind leaves the choice of the port as it is.
func lateBind(string, string, syscall.RawConn) error { return nil }
