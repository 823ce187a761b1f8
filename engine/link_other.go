//go:build !unix

package engine

import (
	"net"
	"syscall"
)

func rawConn(net.Conn) syscall.RawConn { return nil }

func (*writer) try(uintptr) bool { return true }

func writable(uintptr) bool { return true }

func (r *reader) fill() error { return r.fillHolding() }
