//go:build !unix

package proxy

import (
	"errors"
	"net"
	"time"
)

var errNoPeek = errors.New("proxy_protocol: this system cannot look at what has come without taking it")

func peek(*net.TCPConn, []byte, time.Time) (int, error) { return 0, errNoPeek }
