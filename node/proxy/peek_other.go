//go:build !unix

package proxy

import (
	"net"
	"time"
)

func peek(*net.TCPConn, []byte, time.Time) (int, error) { return 0, errNoPeek }
