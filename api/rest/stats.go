package rest

import (
	"sync"
	"sync/atomic"
)

// Stats are counters. They only grow.
type Stats struct {
	// Requests has a *atomic.Uint64 for each Counted, Refusals for each code.
	Requests, Refusals sync.Map
}

// Counted is what requests are counted by.
type Counted struct {
	Operation string // "none" for a path without one
	Status    int
}

// Stats returns the counters.
func (a *API) Stats() *Stats { return &a.stats }

// note counts a request.
func (s *Stats) note(operation string, status int, code string) {
	count(&s.Requests, Counted{operation, status})
	if code != "" {
		count(&s.Refusals, code)
	}
}

func count(counters *sync.Map, kind any) {
	counter, ok := counters.Load(kind)
	if !ok {
		counter, _ = counters.LoadOrStore(kind, new(atomic.Uint64))
	}
	counter.(*atomic.Uint64).Add(1) //nolint:errcheck,forcetypeassert // nothing else is stored
}
