package client

import (
	"sync"
	"sync/atomic"
)

// Stats are counters. They only grow.
type Stats struct {
	Unknown   atomic.Uint64 // events that nobody handles
	Lost      atomic.Uint64 // rooms of which something was missed for good
	Untold    atomic.Uint64 // arrivals and departures that were not announced, since the room is large
	Unnoticed atomic.Uint64 // things that back ends were not told of, since the queue did not take them
	Refusals  sync.Map      // Refused -> *atomic.Uint64
	Limits    sync.Map      // Key of a LimitError -> *atomic.Uint64
}

// Refused is a kind of refusal.
type Refused struct{ Event, Code string }

// Stats returns the counters of the chat product.
func (c *Clients) Stats() *Stats { return &c.stats }

func (s *Stats) refused(event, code string) {
	count(&s.Refusals, Refused{event, code})
}

// count adds one to a counter.
func count(counters *sync.Map, name any) {
	counter, ok := counters.Load(name)
	if !ok {
		counter, _ = counters.LoadOrStore(name, new(atomic.Uint64))
	}
	counter.(*atomic.Uint64).Add(1) //nolint:errcheck,forcetypeassert // there is nothing else in it
}
