package limit

import (
	"sync"
	"time"

	"chorus/internal/address"

	lru "github.com/hashicorp/golang-lru/v2"
)

// The delay of an answer about a bad token, beyond the bound: it doubles with each further failure.
const (
	firstDelay = 250 * time.Millisecond
	maxDelay   = 8 * time.Second // a client that is in no namespace is closed after connect_timeout anyway
)

// Failures delays the answers about bad tokens, for addresses that show many of them. Good tokens are never
// delayed, so behind a balancer nobody suffers for others.
type Failures struct {
	addresses *Addresses

	mu     sync.Mutex
	excess *lru.Cache[string, int] // failures beyond the bound in a row
}

// NewFailures returns a table with nobody in it.
func NewFailures(b Bucket) *Failures {
	excess, _ := lru.New[string, int](maxAddresses) // it fails for sizes that are not positive
	return &Failures{addresses: NewAddresses(b), excess: excess}
}

// Set changes the bound.
func (f *Failures) Set(b Bucket) { f.addresses.Set(b) }

// Failed notes a failure, and returns for how long its answer is kept back.
func (f *Failures) Failed(remote string) time.Duration {
	_, ok := f.addresses.Allow(remote)
	f.mu.Lock()
	defer f.mu.Unlock()
	key := address.Of(remote)
	if ok {
		f.excess.Remove(key)
		return 0
	}
	n, _ := f.excess.Get(key)
	f.excess.Add(key, n+1)
	return min(firstDelay<<min(n, 10), maxDelay)
}
