package dev

import (
	"chorus/node/listener"
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// A slow line carries so much in each tick from the node to the client.
const (
	slowBytes = 256
	slowTick  = 250 * time.Millisecond
)

// slowLane is an address of a node behind a slow line, so that the console can show what a slow client is. It leaves
// all else to TCP: the node sees a client that does not read.
type slowLane struct {
	listener net.Listener
	target   func() string   // the address of the node
	life     context.Context // ends with close
	end      context.CancelFunc
	tasks    sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

// openSlowLane listens at a free port of the host of a node.
func openSlowLane(ctx context.Context, target func() string) (*slowLane, error) {
	host, _, err := net.SplitHostPort(target())
	if err != nil {
		return nil, err
	}
	l, err := listener.Listen(ctx, "the slow line", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	lane := &slowLane{listener: l, target: target, conns: make(map[net.Conn]struct{})}
	lane.life, lane.end = context.WithCancel(context.WithoutCancel(ctx))
	lane.tasks.Go(lane.accept) // ends with close
	return lane, nil
}

func (l *slowLane) addr() string { return l.listener.Addr().String() }

func (l *slowLane) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.tasks.Go(func() { l.carry(client) }) // ends with either connection, or with close
	}
}

// carry connects a client with the node until one of them ends.
func (l *slowLane) carry(client net.Conn) {
	defer func() { _ = client.Close() }()
	node, err := (&net.Dialer{}).DialContext(l.life, "tcp", l.target())
	if err != nil {
		return
	}
	defer func() { _ = node.Close() }()
	// Else the kernel takes for the client what the client does not read, and the node notices late.
	for _, conn := range []net.Conn{client, node} {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(4 << 10)
			_ = tcp.SetWriteBuffer(4 << 10)
		}
	}
	if !l.add(client, node) {
		return
	}
	defer l.remove(client, node)
	l.tasks.Go(func() { // ends with either connection
		_, _ = io.Copy(node, client)
		_ = node.Close()
	})
	trickle(client, node)
}

// trickle copies slowly.
func trickle(to io.Writer, from io.Reader) {
	ticker := time.NewTicker(slowTick)
	defer ticker.Stop()
	buffer := make([]byte, slowBytes)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
		<-ticker.C
	}
}

func (l *slowLane) add(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		l.conns[conn] = struct{}{}
	}
	return !l.closed
}

func (l *slowLane) remove(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		delete(l.conns, conn)
	}
}

// close ends all connections and waits for that.
func (l *slowLane) close() {
	l.end()
	l.mu.Lock()
	l.closed = true
	for conn := range l.conns {
		_ = conn.Close()
	}
	l.mu.Unlock()
	_ = l.listener.Close()
	l.tasks.Wait()
}
