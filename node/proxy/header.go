package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

// Bounds of a header of the PROXY protocol. A header of version 2 may be longer in theory, with data that nobody needs.
const (
	maxProxyHeader     = 1 << 10
	proxyHeaderTimeout = 5 * time.Second
	proxyHeaderPause   = 5 * time.Millisecond // while a part of a header has come
)

var (
	errProxyStranger = errors.New("a PROXY header of an address that is not in trusted_proxies")
	errProxyHeader   = errors.New("an invalid PROXY header")
)

// The first bytes of a header, in version 1 and version 2 (PROXY protocol, section 2).
var proxySignatures = [][]byte{[]byte("PROXY "), []byte("\r\n\r\n\x00\r\nQUIT\n")}

// Header is what a load balancer says about its client before anything else (PROXY protocol, versions 1 and 2).
// It is read when the connection is first asked for its address or for bytes, so that it holds up nobody else. What
// follows it stays in the kernel: those who read the descriptor itself find it there.
type Header struct {
	Trusted bool
	once    sync.Once
	Client  net.Addr // nil: the peer is the client
	err     error
}

// Read takes the header off the connection.
func (h *Header) Read(conn *net.TCPConn) error {
	h.once.Do(func() {
		h.Client, h.err = h.take(conn)
		if h.err != nil {
			_ = conn.Close()
		}
	})
	return h.err
}

func (h *Header) take(conn *net.TCPConn) (net.Addr, error) {
	end := time.Now().Add(proxyHeaderTimeout)
	buffer := make([]byte, maxProxyHeader)
	for {
		n, err := peek(conn, buffer, end)
		if err != nil {
			return nil, nothingCame(err)
		}
		start := buffer[:n]
		switch begins, whole := beginsHeader(start); {
		case !begins:
			return nil, nil
		case !h.Trusted && whole:
			return nil, errProxyStranger
		case whole:
			address, complete, err := h.parse(conn, start)
			if complete || err != nil {
				return address, err
			}
		}
		if n == len(buffer) || time.Now().After(end) {
			return nil, errProxyHeader
		}
		time.Sleep(proxyHeaderPause)
	}
}

// nothingCame returns nil for a client that says nothing: the deadlines of the HTTP server are for that.
func nothingCame(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// beginsHeader reports whether bytes may be the begin of a header, and whether its signature is complete.
func beginsHeader(start []byte) (begins, whole bool) {
	for _, signature := range proxySignatures {
		n := min(len(start), len(signature))
		if n > 0 && bytes.Equal(start[:n], signature[:n]) {
			return true, n == len(signature)
		}
	}
	return false, false
}

// parse reads a header, if all of it has come, and takes it off the connection.
func (h *Header) parse(conn *net.TCPConn, start []byte) (client net.Addr, complete bool, err error) {
	if start[0] == 'P' && !bytes.Contains(start, []byte("\r\n")) {
		if len(start) > 107 { // the longest line of version 1
			return nil, false, errProxyHeader
		}
		return nil, false, nil
	}
	if start[0] != 'P' && (len(start) < 16 || len(start) < 16+int(start[14])<<8+int(start[15])) {
		return nil, false, nil
	}
	all := bytes.NewReader(start)
	in := bufio.NewReaderSize(all, len(start))
	header, err := proxyproto.Read(in)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", errProxyHeader, err)
	}
	length := len(start) - all.Len() - in.Buffered()
	if _, err := conn.Read(start[:length]); err != nil { // all of it is there
		return nil, false, err
	}
	if source, _, ok := header.TCPAddrs(); ok && header.Command == proxyproto.PROXY {
		return source, true, nil
	}
	return nil, true, nil // a probe of the balancer itself, or a client that it does not know
}
