package node

import (
	"sync"

	"chorus/adapter/rooms"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// roomCounter is an adapter of package adapter.
type roomCounter interface {
	Counts() rooms.Counts
}

// roomCounts makes the adapters of all namespaces and knows how full their rooms are.
type roomCounts struct {
	inner socket.AdapterConstructor

	mu       sync.Mutex
	adapters map[string]roomCounter // by namespace
}

func newRoomCounts(inner socket.AdapterConstructor) *roomCounts {
	return &roomCounts{inner: inner, adapters: make(map[string]roomCounter)}
}

// New makes the adapter of a namespace; the library calls it.
func (c *roomCounts) New(nsp socket.Namespace) socket.Adapter {
	a := c.inner.New(nsp)
	if counter, ok := a.(roomCounter); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.adapters[nsp.Name()] = counter
	}
	return a
}

// total returns the counts of all namespaces together.
func (c *roomCounts) total() rooms.Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum rooms.Counts
	for _, a := range c.adapters {
		counts := a.Counts()
		sum.Rooms += counts.Rooms
		sum.Members += counts.Members
	}
	return sum
}
