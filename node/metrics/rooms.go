package metrics

import (
	"sync"

	"chorus/adapter/rooms"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// roomCounter is an adapter that counts its rooms.
type roomCounter interface {
	Counts() rooms.Counts
}

// Rooms makes the adapters of all namespaces and knows how full their rooms are.
type Rooms struct {
	inner socket.AdapterConstructor

	mu       sync.Mutex
	adapters map[string]roomCounter // by namespace
}

// NewRooms counts the rooms of the adapters that inner makes.
func NewRooms(inner socket.AdapterConstructor) *Rooms {
	return &Rooms{inner: inner, adapters: make(map[string]roomCounter)}
}

// New makes the adapter of a namespace; the library calls it.
func (c *Rooms) New(nsp socket.Namespace) socket.Adapter {
	a := c.inner.New(nsp)
	if counter, ok := a.(roomCounter); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.adapters[nsp.Name()] = counter
	}
	return a
}

// total returns the counts of all namespaces together.
func (c *Rooms) total() rooms.Counts {
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
