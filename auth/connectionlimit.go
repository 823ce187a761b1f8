package auth

import (
	"chorus/auth/refusal"
	"chorus/auth/revocation"
	"chorus/auth/token"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// ConnectionPolicy says what happens to a connection too many.
type ConnectionPolicy string

// The policies.
const (
	// PolicyRefuse refuses the new connection with code too_many_connections.
	PolicyRefuse ConnectionPolicy = "refuse"

	// PolicyCloseOldest lets it in and closes the oldest one of the subject, wherever in the cluster
	// that is, with code connection_replaced.
	PolicyCloseOldest ConnectionPolicy = "close_oldest"
)

// ErrTooManyConnections means that the subject has as many connections as it may have. Code too_many_connections.
var ErrTooManyConnections = refusal.New(refusal.CodeTooManyConnections, "too many connections of this subject")

// ErrConnectionReplaced means that the subject opened more connections than it may have, and this was the oldest. Code
// connection_replaced.
var ErrConnectionReplaced = refusal.New(refusal.CodeConnectionReplaced, "replaced by a newer connection")

// ErrLimitUnavailable means that each node counts for itself, for want of Redis.
var ErrLimitUnavailable = errors.New("auth: redis does not answer for the connection limit")

// ConnectionLimitOptions configures NewConnectionLimit. Only Max is needed.
type ConnectionLimitOptions struct {
	// Max is how many connections a subject may have, at least 1. Several namespaces of one connection
	// count once.
	Max int

	// Policy for connections beyond; default PolicyRefuse.
	Policy ConnectionPolicy

	// Client to count over a cluster; nil: this process alone. It stays the caller's to close,
	// after the limit.
	Client redis.UniversalClient

	// Prefix of the keys and the channel; default "socket.io".
	Prefix string

	// Logger gets the state of the connection to Redis; default: no log.
	Logger *slog.Logger
}

// ConnectionLimitStats are counters of a ConnectionLimit. They only grow.
type ConnectionLimitStats struct {
	Refused     atomic.Uint64 // connections refused
	Replaced    atomic.Uint64 // connections of this node closed for newer ones
	Errors      atomic.Uint64 // calls of Redis that failed
	Joins       atomic.Uint64 // how often this node registered all its connections
	Malformed   atomic.Uint64 // messages that were not understood
	Disconnects atomic.Uint64 // losses of the subscription
}

// ConnectionLimit bounds the connections of each subject. It is safe for concurrent use; a nil one bounds
// nothing, and tokens without a subject are not counted.
//
// With Redis it counts over all nodes. The connections of a node that ended without a word stop counting after
// 10 s. While Redis does not answer, for which a client waits 1 s at most and once, nobody is refused for
// that: each node counts its own connections until it has told Redis about them. After an outage a subject may
// have more connections than allowed; with PolicyCloseOldest the oldest are closed then, with
// PolicyRefuse they stay until they end.
type ConnectionLimit struct {
	max    int
	policy ConnectionPolicy
	stats  ConnectionLimitStats
	sync   *limitSync // nil for a process alone

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
	leases   map[*lease]struct{}
	gone     bool   // it has left the table
	number   uint64 // among the connections of this node; unlike conn it never comes again
	nodeID   string // under which Redis knows it, empty when it does not
	replaced bool   // Redis has closed it already, while it was being let in
}

// lease is the use of a connection by one namespace.
type lease struct{ replaced func() }

// NewConnectionLimit makes a limit. With a client it begins to connect at once and keeps trying for as long
// as it lives; Close ends it. Errors wrap token.ErrBadOption.
func NewConnectionLimit(opts ConnectionLimitOptions) (*ConnectionLimit, error) {
	return newConnectionLimit(opts, defaultLimitTimes)
}

func newConnectionLimit(opts ConnectionLimitOptions, times limitTimes) (*ConnectionLimit, error) {
	if opts.Max < 1 {
		return nil, fmt.Errorf("%w: at most %d connections of a subject: nobody would come in", token.ErrBadOption, opts.Max)
	}
	switch opts.Policy {
	case "":
		opts.Policy = PolicyRefuse
	case PolicyRefuse, PolicyCloseOldest:
	default:
		return nil, fmt.Errorf("%w: connection policy %q: use %s or %s", token.ErrBadOption, opts.Policy, PolicyRefuse, PolicyCloseOldest)
	}
	if opts.Prefix == "" {
		opts.Prefix = revocation.DefaultPrefix
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	l := &ConnectionLimit{max: opts.Max, policy: opts.Policy, subjects: make(map[string]map[string]*holder)}
	if opts.Client != nil {
		l.sync = startLimitSync(l, opts, times)
	}
	return l, nil
}

// Stats returns the counters, nil for a nil limit.
func (l *ConnectionLimit) Stats() *ConnectionLimitStats {
	if l == nil {
		return nil
	}
	return &l.stats
}

// Ready returns nil while the limit holds for the whole cluster.
func (l *ConnectionLimit) Ready() error {
	if l == nil || l.sync == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.sync.up {
		return fmt.Errorf("%w: each node counts its own connections", ErrLimitUnavailable)
	}
	return nil
}

// Close ends the goroutines and tells Redis that the connections of this node are no more. It returns when
// that is done, or with an error when ctx ends before. It is idempotent.
func (l *ConnectionLimit) Close(ctx context.Context) error {
	if l == nil || l.sync == nil {
		return nil
	}
	return l.sync.close(ctx)
}

// admit counts a connection of a subject, once for all its namespaces, until each release that it gave was
// called. Its error is ErrTooManyConnections, or ErrConnectionReplaced when the next connection was faster,
// or that of ctx. When the connection is closed for a newer one, replaced is called from another
// goroutine, once, perhaps before admit has returned; it must not wait for anything. release may be called
// again, from anywhere, and does not block.
func (l *ConnectionLimit) admit(ctx context.Context, subject, conn string, replaced func()) (release func(), err error) {
	if l == nil || subject == "" {
		return func() {}, nil
	}
	own := &lease{replaced: replaced}
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
func (l *ConnectionLimit) join(subject, conn string, own *lease) (h *holder, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h, ok := l.subjects[subject][conn]; ok {
		h.leases[own] = struct{}{}
		return h, false
	}
	h = &holder{subject: subject, conn: conn, decided: make(chan struct{}), leases: map[*lease]struct{}{own: {}}}
	if l.subjects[subject] == nil {
		l.subjects[subject] = make(map[string]*holder)
	}
	l.subjects[subject][conn] = h
	if l.sync != nil {
		l.sync.number(h)
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
func (l *ConnectionLimit) decide(ctx context.Context, h *holder) {
	said, nodeID, since := verdictNone, "", time.Now().UnixMicro()
	if l.sync != nil {
		said, nodeID, since = l.sync.ask(ctx, h)
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
	var leases map[*lease]struct{}
	if oldest != nil {
		leases = l.remove(oldest)
	}
	h.since = since
	if h.err == nil {
		h.in = true
	} else {
		l.remove(h)
	}
	if l.sync != nil {
		l.sync.decided(h, said, nodeID)
	}
	full := errors.Is(h.err, ErrTooManyConnections)
	l.mu.Unlock()
	close(h.decided)
	if full {
		l.stats.Refused.Add(1)
	}
	l.tell(leases)
}

// decideAlone applies the policy to the connections of this node, and returns the one that has to go.
func (l *ConnectionLimit) decideAlone(subject string) (oldest *holder, err error) {
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

// remove takes a holder out of the table and returns its leases. The mutex is held.
func (l *ConnectionLimit) remove(h *holder) map[*lease]struct{} {
	if h.gone {
		return nil
	}
	h.gone, h.in = true, false
	delete(l.subjects[h.subject], h.conn)
	if len(l.subjects[h.subject]) == 0 {
		delete(l.subjects, h.subject)
	}
	if l.sync != nil {
		l.sync.removed(h)
	}
	return h.leases
}

// leave ends a lease, and the connection stops counting with the last one.
func (l *ConnectionLimit) leave(h *holder, own *lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.gone {
		return
	}
	delete(h.leases, own)
	if len(h.leases) == 0 {
		l.remove(h)
	}
}

// tell calls the holders of a connection that was closed for a newer one.
func (l *ConnectionLimit) tell(leases map[*lease]struct{}) {
	if leases == nil {
		return
	}
	l.stats.Replaced.Add(1)
	for lease := range leases {
		lease.replaced()
	}
}
