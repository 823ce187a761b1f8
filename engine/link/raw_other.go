//go:build !unix

package link

import (
	"net"
	"syscall"
)

func rawConn(net.Conn) syscall.RawConn { return nil }

func (*Writer) try(uintptr) bool { return true }

func writable(uintptr) bool { return true }

func (r *receiver) fill() error { return r.fillHolding() }

func (*receiver) try(uintptr) bool { return true }
