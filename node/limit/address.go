package limit

import (
	"sync"
	"sync/atomic"
	"time"

	"chorus/internal/address"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// maxAddresses is how many addresses a table remembers. Beyond it, the one that was not seen for longest is
// forgotten.
const maxAddresses = 50_000

// Addresses bounds what each address may do.
type Addresses struct {
	bucket atomic.Pointer[Bucket]

	mu    sync.Mutex
	table *lru.Cache[string, *rate.Limiter]
}

// NewAddresses returns a table with nobody in it.
func NewAddresses(b Bucket) *Addresses {
	table, _ := lru.New[string, *rate.Limiter](maxAddresses) // it fails for sizes that are not positive
	a := &Addresses{table: table}
	a.bucket.Store(&b)
	return a
}

// Set changes the bound for all addresses.
func (a *Addresses) Set(b Bucket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bucket.Store(&b)
	for _, limiter := range a.table.Values() {
		limiter.SetLimit(b.limit())
		limiter.SetBurst(b.burst())
	}
}

// Allow takes one token of an address. Without one it returns how long the next one takes.
func (a *Addresses) Allow(remote string) (wait time.Duration, ok bool) {
	b := a.bucket.Load()
	if !b.on() {
		return 0, true
	}
	if a.of(address.Of(remote), b).Allow() {
		return 0, true
	}
	return b.wait(), false
}

func (a *Addresses) of(address string, b *Bucket) *rate.Limiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	limiter, ok := a.table.Get(address)
	if !ok {
		limiter = rate.NewLimiter(b.limit(), b.burst())
		a.table.Add(address, limiter)
	}
	return limiter
}

// Len returns how many addresses are remembered.
func (a *Addresses) Len() int { return a.table.Len() }
