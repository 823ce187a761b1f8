//go:build !linux

package bench

import (
	"net"
	"sync"
	"time"
)

// poller receives with a goroutine for each connection: correct everywhere, and slower than what
// Linux allows.
type poller struct {
	receiver *receiver
	mu       sync.Mutex
	conns    []net.Conn
	running  sync.WaitGroup
}

const (
	pollBuffer = 64 << 10
	// writeTimeout is what one send may wait for a server that does not read.
	writeTimeout = time.Second
)

func newPoller(r *receiver, _ int) (*poller, error) { return &poller{receiver: r}, nil }

func (p *poller) adopt(h *handshake, c *conn) error {
	c.socket = plainSocket{h.conn}
	p.mu.Lock()
	p.conns = append(p.conns, h.conn)
	p.mu.Unlock()
	if !c.stalled {
		p.running.Go(func() { p.receive(h.conn, c) }) // ends with close
	}
	return nil
}

// resume reads again from a connection that is stalled.
func (p *poller) resume(c *conn) {
	if s, ok := c.socket.(plainSocket); ok {
		p.running.Go(func() { p.receive(s.Conn, c) }) // ends with close
	}
}

func (p *poller) receive(from net.Conn, c *conn) {
	buffer := make([]byte, pollBuffer)
	have := copy(buffer, c.partial)
	for {
		n, err := from.Read(buffer[have:])
		p.receiver.mu.Lock()
		have += n
		used, takeErr := p.receiver.take(c, buffer[:have])
		if takeErr != nil {
			err = takeErr
		}
		if err != nil && !isTimeout(err) {
			p.receiver.drop(c, err)
		}
		p.receiver.mu.Unlock()
		if err != nil {
			return
		}
		if have = copy(buffer, buffer[used:have]); have == len(buffer) {
			buffer = append(buffer, make([]byte, len(buffer))...) // maxFrame bounds it
		}
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error) //nolint:errorlint // a read's own error
	return ok && timeout.Timeout()
}

// close ends the goroutines and waits for them. The connections stay open.
func (p *poller) close() {
	p.mu.Lock()
	for _, c := range p.conns {
		_ = c.SetReadDeadline(time.Now()) // fails when it is closed, which serves as well
	}
	p.mu.Unlock()
	p.running.Wait()
}

type plainSocket struct{ net.Conn }

func (s plainSocket) tryWrite(b []byte) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return s.Write(b)
}

func (s plainSocket) notifyWritable(bool) error { return nil }

func (s plainSocket) close() error { return s.Conn.Close() }
