// Package limit bounds the connections of each subject, in one process or over a cluster.
package limit

import (
	"chorus/auth/refusal"
	"chorus/registry"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Policy says what happens to a connection too many.
type Policy string

// The policies.
const (
	// PolicyRefuse refuses the new connection with code too_many_connections.
	PolicyRefuse Policy = "refuse"

	// PolicyCloseOldest lets it in and closes the oldest one of the subject, wherever in the cluster
	// that is, with code connection_replaced.
	PolicyCloseOldest Policy = "close_oldest"
)

// DefaultPrefix begins the names of all keys and channels.
const DefaultPrefix = "socket.io"

// ErrBadOption means that an option has a value that cannot be.
var ErrBadOption = errors.New("auth: bad option of the connection limit")

// ErrTooManyConnections means that the subject has as many connections as it may have. Code too_many_connections.
var ErrTooManyConnections = refusal.New(refusal.CodeTooManyConnections, "too many connections of this subject")

// ErrConnectionReplaced means that the subject opened more connections than it may have, and this was the oldest. Code
// connection_replaced.
var ErrConnectionReplaced = refusal.New(refusal.CodeConnectionReplaced, "replaced by a newer connection")

// ErrUnavailable means that each node counts for itself, for want of Redis.
var ErrUnavailable = errors.New("auth: redis does not answer for the connection limit")

// Options configures New. Only Max is needed.
type Options struct {
	// Max is how many connections a subject may have, at least 1. Several namespaces of one connection
	// count once.
	Max int

	// Policy for connections beyond; default PolicyRefuse.
	Policy Policy

	// Client to count over a cluster; nil: this process alone. It stays the caller's to close,
	// after the limit.
	Client redis.UniversalClient

	// Registry of the nodes of the cluster, needed with a Client. The caller closes it, after the limit.
	Registry *registry.Registry

	// Prefix of the keys and the channel; default "socket.io".
	Prefix string

	// Logger gets the state of the connection to Redis; default: no log.
	Logger *slog.Logger
}

// Stats are counters of a Connections. They only grow.
type Stats struct {
	Refused     atomic.Uint64 // connections refused
	Replaced    atomic.Uint64 // connections of this node closed for newer ones
	Errors      atomic.Uint64 // calls of Redis that failed
	Joins       atomic.Uint64 // how often this node registered all its connections
	Malformed   atomic.Uint64 // messages that were not understood
	Disconnects atomic.Uint64 // losses of the subscription
}

// Connections bounds the connections of each subject. It is safe for concurrent use; a nil one bounds
// nothing, and tokens without a subject are not counted.
//
// With Redis it counts over all nodes. The connections of a node that is killed stop counting when its lease in
// the registry ends, within 10 s. While Redis does not answer, for which a client waits 1 s at most and once, nobody is refused for
// that: each node counts its own connections until it has told Redis about them. After an outage a subject may
// have more connections than allowed; with PolicyCloseOldest the oldest are closed then, with
// PolicyRefuse they stay until they end.
type Connections struct {
	max     int
	policy  Policy
	stats   Stats
	cluster *cluster // nil for a process alone

	mu       sync.Mutex
	subjects map[string]map[string]*holder // by subject and connection
}

// holder is a connection that counts, or is being decided about. All fields but the first three are guarded
// by the mutex of the limit.
type holder struct {
	subject, conn string
	decided       chan struct{} // closed when err says whether it was let in

	err      error
	in       bool  // it counts
	since    int64 // microseconds since 1970, by the clock of Redis where it answers
	uses     map[*use]struct{}
	gone     bool   // it has left the table
	number   uint64 // among the connections of this node; unlike conn it never comes again
	lease    string // under which Redis may know it, empty when it does not
	replaced bool   // Redis has closed it already, while it was being let in
}

// use is the use of a connection by one namespace.
type use struct{ replaced func() }

// New makes a limit. With a client it begins to connect at once and keeps trying for as long
// as it lives; Close ends it. Errors wrap ErrBadOption.
func New(opts Options) (*Connections, error) {
	return newLimit(opts, defaultTimes)
}

func newLimit(opts Options, times times) (*Connections, error) {
	if opts.Max < 1 {
		return nil, fmt.Errorf("%w: at most %d connections of a subject: nobody would come in", ErrBadOption, opts.Max)
	}
	switch opts.Policy {
	case "":
		opts.Policy = PolicyRefuse
	case PolicyRefuse, PolicyCloseOldest:
	default:
		return nil, fmt.Errorf("%w: connection policy %q: use %s or %s", ErrBadOption, opts.Policy, PolicyRefuse, PolicyCloseOldest)
	}
	if (opts.Client == nil) != (opts.Registry == nil) {
		return nil, fmt.Errorf("%w: Client and Registry go together", ErrBadOption)
	}
	if opts.Prefix == "" {
		opts.Prefix = DefaultPrefix
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Connections{max: opts.Max, policy: opts.Policy, subjects: make(map[string]map[string]*holder)}
	if opts.Client != nil {
		l.cluster = startCluster(l, opts, times)
	}
	return l, nil
}

// Stats returns the counters, nil for a nil limit.
func (l *Connections) Stats() *Stats {
	if l == nil {
		return nil
	}
	return &l.stats
}

// Ready returns nil while the limit holds for the whole cluster.
func (l *Connections) Ready() error {
	if l == nil || l.cluster == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cluster.up {
		return fmt.Errorf("%w: each node counts its own connections", ErrUnavailable)
	}
	return nil
}

// Close ends the goroutines and tells Redis that the connections of this node are no more. It returns when
// that is done, or with an error when ctx ends before. It is idempotent.
func (l *Connections) Close(ctx context.Context) error {
	if l == nil || l.cluster == nil {
		return nil
	}
	return l.cluster.close(ctx)
}

// Acquire counts a connection of a subject, once for all its namespaces, until each release that it gave was
// called. Its error is ErrTooManyConnections, or ErrConnectionReplaced when the next connection was faster,
// or that of ctx. When the connection is closed for a newer one, replaced is called from another
// goroutine, once, perhaps before Acquire has returned; it must not wait for anything. release may be called
// again, from anywhere, and does not block.
func (l *Connections) Acquire(ctx context.Context, subject, conn string, replaced func()) (release func(), err error) {
	if l == nil || subject == "" {
		return func() {}, nil
	}
	own := &use{replaced: replaced}
	h, first := l.join(subject, conn, own)
	if first {
		l.decide(ctx, h)
	}
	select {
	case <-h.decided:
	case <-ctx.Done():
		l.leave(h, own)
		return nil, fmt.Errorf("auth: connection limit: %w", ctx.Err())
	}
	l.mu.Lock()
	err = h.err
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return func() { l.leave(h, own) }, nil
}

// join returns the holder of a connection, and whether it is new and to be decided about.
func (l *Connections) join(subject, conn string, own *use) (h *holder, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h, ok := l.subjects[subject][conn]; ok {
		h.uses[own] = struct{}{}
		return h, false
	}
	h = &holder{subject: subject, conn: conn, decided: make(chan struct{}), uses: map[*use]struct{}{own: {}}}
	if l.subjects[subject] == nil {
		l.subjects[subject] = make(map[string]*holder)
	}
	l.subjects[subject][conn] = h
	if l.cluster != nil {
		l.cluster.number(h)
	}
	return h, true
}

// verdict is what Redis says about a new connection.
type verdict int

const (
	verdictNone verdict = iota // no answer: this node decides
	verdictIn
	verdictFull
)

// decide lets a new connection in or refuses it.
func (l *Connections) decide(ctx context.Context, h *holder) {
	said, lease, since := verdictNone, "", time.Now().UnixMicro()
	if l.cluster != nil {
		said, lease, since = l.cluster.ask(ctx, h)
	}
	l.mu.Lock()
	var oldest *holder
	switch {
	case h.replaced:
		h.err = ErrConnectionReplaced
	case said == verdictFull:
		h.err = ErrTooManyConnections
	case said == verdictNone:
		oldest, h.err = l.decideAlone(h.subject)
	}
	var uses map[*use]struct{}
	if oldest != nil {
		uses = l.remove(oldest)
	}
	h.since = since
	if h.err == nil {
		h.in = true
	} else {
		l.remove(h)
	}
	if l.cluster != nil {
		l.cluster.decided(h, said == verdictIn, lease)
	}
	full := errors.Is(h.err, ErrTooManyConnections)
	l.mu.Unlock()
	close(h.decided)
	if full {
		l.stats.Refused.Add(1)
	}
	l.tell(uses)
}

// decideAlone applies the policy to the connections of this node, and returns the one that has to go.
func (l *Connections) decideAlone(subject string) (oldest *holder, err error) {
	n := 0
	for _, h := range l.subjects[subject] {
		if !h.in {
			continue
		}
		n++
		if oldest == nil || h.since < oldest.since {
			oldest = h
		}
	}
	switch {
	case n < l.max:
		return nil, nil
	case l.policy == PolicyRefuse:
		return nil, ErrTooManyConnections
	}
	return oldest, nil
}

// remove takes a holder out of the table and returns its uses. The mutex is held.
func (l *Connections) remove(h *holder) map[*use]struct{} {
	if h.gone {
		return nil
	}
	h.gone, h.in = true, false
	delete(l.subjects[h.subject], h.conn)
	if len(l.subjects[h.subject]) == 0 {
		delete(l.subjects, h.subject)
	}
	if l.cluster != nil {
		l.cluster.removed(h)
	}
	return h.uses
}

// leave ends a use, and the connection stops counting with the last one.
func (l *Connections) leave(h *holder, own *use) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.gone {
		return
	}
	delete(h.uses, own)
	if len(h.uses) == 0 {
		l.remove(h)
	}
}

// tell calls the holders of a connection that was closed for a newer one.
func (l *Connections) tell(uses map[*use]struct{}) {
	if uses == nil {
		return
	}
	l.stats.Replaced.Add(1)
	for use := range uses {
		use.replaced()
	}
}
