package adapter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

const (
	// proofInterval is how often a probe is sent on each subscribing connection.
	proofInterval = 2 * time.Second
	// proofTimeout is how long a probe may take to come back. Then the connection is given up.
	proofTimeout = 4 * time.Second
	// proofCheck is how often is looked for probes that are missing.
	proofCheck = 500 * time.Millisecond
	// proofSend is how long Redis may take to accept one.
	proofSend = time.Second
)

var (
	errNoProof = errors.New("what this node publishes does not come back to it")
	errRefused = errors.New("redis refuses writes")
)

// probe proves that a subscribing connection hears: this node publishes to itself, on a channel that
// nobody else listens to. TCP and PING may be fine while pub/sub is not.
type probe struct {
	channel string // or the key of a stream
	stats   *Stats
	now     chan struct{} // capacity 1: send one at once
	changed func()        // called when Redis refuses a write

	mu       sync.Mutex
	number   uint64    // of the last one that was sent
	first    uint64    // the first one that counts
	lastSent time.Time // when
	missing  time.Time // when the oldest was sent that is still to come back; zero when none is
	proven   bool      // one has come back, and none has been missing for too long since
	err      error     // of sending the last one
}

func newProbe(prefix string, stats *Stats) *probe {
	return &probe{channel: prefix + "-probe#" + rand.Text()[:10] + "#", stats: stats, changed: func() {}, now: make(chan struct{}, 1)}
}

// hurry has a probe sent without waiting for its time.
func (p *probe) hurry() {
	select {
	case p.now <- struct{}{}:
	default: // it is going to be
	}
}

// next returns what to send.
func (p *probe) next() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number++
	p.lastSent = time.Now()
	if p.missing.IsZero() {
		p.missing = p.lastSent
	}
	return strconv.FormatUint(p.number, 10)
}

// sent notes the outcome of sending. When Redis refuses the probe, the next one goes soon.
func (p *probe) sent(err error) {
	p.mu.Lock()
	p.err = err
	refused := err != nil && refuses(err)
	p.mu.Unlock()
	if refused {
		p.refused(err)
	} else if err != nil {
		p.stats.ProbeFailures.Add(1)
	}
}

// refused notes that Redis refuses what this node writes: nothing is proven until a later probe comes back.
func (p *probe) refused(err error) {
	p.mu.Lock()
	p.err = fmt.Errorf("%w: %w", errRefused, err)
	p.proven, p.missing, p.first = false, time.Time{}, p.number+1
	p.mu.Unlock()
	p.stats.ProbeFailures.Add(1)
	p.changed()
}

// returned notes that a probe has come back, and tells whether nothing was proven before.
func (p *probe) returned(payload string) (news bool) {
	number, err := strconv.ParseUint(payload, 10, 64)
	if err != nil {
		return false // somebody else's
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case number < p.first:
		return false
	case number == p.number:
		p.missing = time.Time{}
	case number < p.number: // the next one cannot be older than this
		p.missing = p.lastSent
	default:
		return false
	}
	p.stats.ProbeNanos.Store(int64(time.Since(p.lastSent)))
	news, p.proven, p.err = !p.proven, true, nil
	return news
}

// restart forgets the probes that were on their way on a connection that is gone.
func (p *probe) restart() {
	p.mu.Lock()
	p.missing, p.first = time.Time{}, p.number+1
	p.mu.Unlock()
	p.hurry()
}

// due tells whether it is time for the next one.
func (p *probe) due() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	interval := proofInterval
	if !p.proven {
		interval = proofCheck
	}
	return time.Since(p.lastSent) >= interval
}

// overdue tells whether a probe has been missing for too long; from then on nothing is proven until one
// comes back.
func (p *probe) overdue() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	late := !p.missing.IsZero() && time.Since(p.missing) > proofTimeout
	if late {
		p.proven = false
		p.stats.ProbeFailures.Add(1)
	}
	return late
}

// health returns nil while what was sent comes back.
func (p *probe) health() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.proven:
		return nil
	case errors.Is(p.err, errRefused):
		return p.err
	case p.err != nil:
		return fmt.Errorf("%w: %w", errNoProof, p.err)
	default:
		return errNoProof
	}
}

// runProbe sends probes, and gives up a connection on which they do not come back, until ctx ends.
func (s *subscriber) runProbe(ctx context.Context) {
	s.probe.changed = s.changed
	s.probe.run(ctx, func() (end func()) {
		s.mu.RLock()
		connection := s.connected
		s.mu.RUnlock()
		if connection == nil || s.subscribed() != nil {
			return nil
		}
		return func() { _ = connection.Close() } // session makes a new one
	}, func(ctx context.Context, number string) error {
		return s.client.Publish(ctx, s.probe.channel, number).Err()
	})
}

// run sends probes until ctx ends. The function current returns what ends the connection that a probe is for, nil while
// there is none; it is called when a probe does not come back.
func (p *probe) run(ctx context.Context, current func() (end func()), send func(ctx context.Context, number string) error) {
	ticker := time.NewTicker(proofCheck)
	defer ticker.Stop()
	for {
		hurry := false
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-p.now:
			hurry = true
		}
		end := current()
		switch {
		case end == nil:
		case p.overdue():
			p.restart()
			end()
		case hurry || p.due():
			sending, cancel := context.WithTimeout(ctx, proofSend)
			p.sent(send(sending, p.next()))
			cancel()
		}
	}
}
