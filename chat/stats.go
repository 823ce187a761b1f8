package chat

import (
	"sync"
	"sync/atomic"
)

// Stats are counters. They only grow.
type Stats struct {
	Unknown  atomic.Uint64 // events that nobody handles
	Lost     atomic.Uint64 // rooms of which something was missed for good
	Untold   atomic.Uint64 // arrivals and departures that were not announced, since the room is large
	Refusals sync.Map      // Refused -> *atomic.Uint64
}

// Refused is a kind of refusal.
type Refused struct{ Event, Code string }

// Stats returns the counters of the chat product.
func (c *Chat) Stats() *Stats { return &c.stats }

func (s *Stats) refused(event, code string) {
	counter, ok := s.Refusals.Load(Refused{event, code})
	if !ok {
		counter, _ = s.Refusals.LoadOrStore(Refused{event, code}, new(atomic.Uint64))
	}
	counter.(*atomic.Uint64).Add(1) //nolint:errcheck,forcetypeassert // there is nothing else in it
}
