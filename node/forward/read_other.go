//go:build !unix

package forward

import "net"

func (f *Forwarder) read(conn net.Conn) (*[]byte, int, error) { return f.readHolding(conn) }
