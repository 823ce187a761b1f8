// Package registry knows which nodes of a cluster are alive.
//
// Each node holds a lease in Redis and renews it every second. A node that ends says so; a node that is killed
// loses its lease within ten seconds. Redis' clock decides, so a node whose clock is wrong changes nothing.
// Without Redis the registry has one node, this one.
package registry

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// DefaultPrefix begins the names of all keys.
const DefaultPrefix = "socket.io"

// Times of a lease. A node that was killed is gone after at most Term + Renewal, about.
const (
	DefaultTerm    = 5 * time.Second
	DefaultRenewal = time.Second
)

// keyBytes is the length of the key of a node.
const keyBytes = 32

// ErrUnavailable means that Redis does not know this node: the others take it for dead, or will soon.
var ErrUnavailable = errors.New("registry: redis does not hold the lease of this node")

// Node is one node of the cluster. Later versions may have more members.
type Node struct {
	ID      string    `json:"id"`      // stays the same while the process lives, and never comes again
	Version string    `json:"version"` // of the program
	Address string    `json:"address"` // host:port where other nodes reach it; empty before it listens
	Started time.Time `json:"started"` // by the clock of the node

	// Lease names what a node keeps in Redis. Data under a lease that is not alive is garbage. A node that loses
	// its lease, because it hung or because Redis lost its data, takes another one and writes its data again.
	Lease string `json:"lease"`

	// TLS reports whether the node speaks TLS at Address.
	TLS bool `json:"tls,omitempty"`

	// Key proves to this node that a request is of another node of the cluster, and the reverse. It is new for
	// each process. Redis has it; no output of a node may.
	Key []byte `json:"-"`

	Status
}

// record is a node as Redis has it.
type record struct {
	Node
	Secret []byte `json:"key,omitempty"`
}

// Status is what changes while a node lives. It is at most a few seconds old.
type Status struct {
	Connections int  `json:"connections"`
	Ready       bool `json:"ready"`
	Draining    bool `json:"draining"`
}

// Change is what is new since the last change. A node that takes another lease is in Came with the new one and in
// Left with the old one.
type Change struct {
	Came []Node
	Left []Node

	// Self is set when this node has taken a lease, the first one or another one: what it keeps in Redis has to be
	// written under it.
	Self bool
}

// Options configure New. The zero value is useful.
type Options struct {
	// Client of the cluster's Redis. Default nil: the registry has this node alone. The caller closes it, after
	// the registry.
	Client redis.UniversalClient

	// Prefix of the keys; default DefaultPrefix. Nodes with different prefixes do not know each other.
	Prefix string

	// Version of the program; default none.
	Version string

	// Status returns the state of this node; default none. It is called for each renewal and must not block.
	Status func() Status

	// Term is how long a lease lives without a renewal, default DefaultTerm; Renewal is the time between two
	// renewals, default DefaultRenewal.
	Term, Renewal time.Duration

	// Logger gets the begin and the end of outages; default no log.
	Logger *slog.Logger
}

// Registry is safe for concurrent use.
type Registry struct {
	opts   Options
	id     string
	cancel context.CancelFunc
	ended  chan struct{} // closed when the goroutine has ended
	renew  chan struct{} // renew at once; holds one
	stats  Stats

	mu       sync.Mutex
	self     Node
	known    bool            // Redis holds the lease
	others   map[string]Node // by lease
	watchers map[int]func(Change)
	last     int // number of a watcher

	// Renewals are numbered, see Sync.
	begun, over, done uint64
	asking            time.Time     // when the last one began
	round             chan struct{} // closed with the next end of a renewal
}

// New returns a registry and begins to hold a lease. It does not wait for Redis. Close ends it.
func New(opts Options) *Registry {
	opts.Prefix = cmp.Or(opts.Prefix, DefaultPrefix)
	opts.Term = cmp.Or(opts.Term, DefaultTerm)
	opts.Renewal = cmp.Or(opts.Renewal, DefaultRenewal)
	if opts.Status == nil {
		opts.Status = func() Status { return Status{} }
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	id := strings.ToLower(rand.Text()[:10])
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // never fails
	r := &Registry{
		opts: opts, id: id,
		ended: make(chan struct{}), round: make(chan struct{}), renew: make(chan struct{}, 1),
		self:   Node{ID: id, Lease: id, Version: opts.Version, Started: time.Now().UTC().Truncate(time.Millisecond), Key: key},
		others: make(map[string]Node), watchers: make(map[int]func(Change)),
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	if opts.Client == nil {
		close(r.ended)
		return r
	}
	go r.run(ctx) // ends with Close
	return r
}

// ID returns the id of this node.
func (r *Registry) ID() string { return r.id }

// Self returns this node.
func (r *Registry) Self() Node {
	status := r.opts.Status()
	r.mu.Lock()
	defer r.mu.Unlock()
	self := r.self
	self.Status = status
	return self
}

// SetTLS sets whether this node speaks TLS at its address. Call it before SetAddress.
func (r *Registry) SetTLS(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.self.TLS = on
}

// SetAddress sets where other nodes reach this one.
func (r *Registry) SetAddress(address string) {
	r.mu.Lock()
	r.self.Address = address
	r.mu.Unlock()
	r.Refresh()
}

// Refresh renews the lease soon, so that the other nodes hear the new status within a second.
func (r *Registry) Refresh() {
	select {
	case r.renew <- struct{}{}:
	default: // a renewal is due already
	}
}

// Nodes returns the nodes that are alive, this one included, in the order of their ids. While Redis is away these are
// the nodes that were alive before.
func (r *Registry) Nodes() []Node {
	self := r.Self()
	r.mu.Lock()
	nodes := append(slices.Collect(maps.Values(r.others)), self)
	r.mu.Unlock()
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Lease, b.Lease)) })
	return nodes
}

// Find returns a living node, this one included, whose id begins with the prefix.
func (r *Registry) Find(prefix string) (Node, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.HasPrefix(r.id, prefix) {
		return r.self, true
	}
	for _, n := range r.others {
		if strings.HasPrefix(n.ID, prefix) {
			return n, true
		}
	}
	return Node{}, false
}

// Alive reports whether a lease is that of a living node.
func (r *Registry) Alive(lease string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.others[lease]
	return ok || lease == r.self.Lease
}

// Watch has fn called with each change from now on, one call after the other, until stop is called. fn must not block
// and must not call stop. A caller that needs the nodes of the beginning calls Nodes after Watch.
func (r *Registry) Watch(fn func(Change)) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	n := r.last
	r.watchers[n] = fn
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers, n)
	}
}

// Health returns nil while Redis holds the lease of this node, or ErrUnavailable.
func (r *Registry) Health() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opts.Client == nil || r.known {
		return nil
	}
	return ErrUnavailable
}

// Stats returns the counters.
func (r *Registry) Stats() *Stats { return &r.stats }

// Close gives the lease back, so that the other nodes know within a second. It returns an error when ctx ends before
// that is done. It is idempotent.
func (r *Registry) Close(ctx context.Context) error {
	r.cancel()
	select {
	case <-r.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("registry: close: %w", ctx.Err())
	}
}
