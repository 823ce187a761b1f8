// Package trial is a transport over a hub on TCP, written against the exported interface of package adapter alone. The
// tests of package adapter run with it: a new transport has an example, and a suite to pass.
package trial

import (
	"context"
	"encoding/gob"
	"net"
	"sync"
)

// frame is what the hub and the servers send each other.
type frame struct {
	Name    string // of the namespace
	Servers int    // 1 and -1: the server joins and leaves it; of the hub: how many servers there are
	Payload []byte // else a message for all servers, in the order of the hub
}

// Hub passes messages on between servers.
type Hub struct {
	net.Listener
	running sync.WaitGroup
	mu      sync.Mutex
	members map[net.Conn]*member
}

// member is a server.
type member struct {
	out   *gob.Encoder
	names map[string]bool // namespaces
}

// NewHub returns a hub that listens until Close.
func NewHub() (*Hub, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &Hub{Listener: l, members: make(map[net.Conn]*member)}
	h.running.Go(func() { // ends with the listener
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			h.running.Go(func() { h.serve(conn) }) // ends with the connection
		}
	})
	return h, nil
}

// End ends the hub and its connections.
func (h *Hub) End() {
	_ = h.Close()
	h.mu.Lock()
	for conn := range h.members {
		_ = conn.Close()
	}
	h.mu.Unlock()
	h.running.Wait()
}

func (h *Hub) serve(conn net.Conn) {
	m := &member{gob.NewEncoder(conn), make(map[string]bool)}
	h.mu.Lock()
	h.members[conn] = m
	h.mu.Unlock()
	for in, f := gob.NewDecoder(conn), (frame{}); in.Decode(&f) == nil; f = (frame{}) {
		h.mu.Lock()
		if f.Servers == 0 {
			h.send(f)
		} else {
			m.names[f.Name] = f.Servers > 0
			h.count(f.Name)
		}
		h.mu.Unlock()
	}
	_ = conn.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.members, conn)
	for name := range m.names {
		h.count(name)
	}
}

// count tells the servers of a namespace how many they are; h.mu is held.
func (h *Hub) count(name string) {
	n := 0
	for _, m := range h.members {
		if m.names[name] {
			n++
		}
	}
	h.send(frame{Name: name, Servers: n})
}

// send passes a frame on; h.mu is held.
func (h *Hub) send(f frame) {
	for _, m := range h.members {
		if m.names[f.Name] {
			_ = m.out.Encode(f) // a connection that is lost ends where it is read
		}
	}
}
