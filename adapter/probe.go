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

var errNoProof = errors.New("what this node publishes does not come back to it")

// probe proves that a subscribing connection hears: this node publishes to itself, on a channel that
// nobody else listens to. TCP and PING may be fine while pub/sub is not.
type probe struct {
	channel string
	now     chan struct{} // capacity 1: send one at once

	mu       sync.Mutex
	number   uint64    // of the last one that was sent
	lastSent time.Time // when
	missing  time.Time // when the oldest was sent that is still to come back; zero when none is
	proven   bool      // one has come back, and none has been missing for too long since
	err      error     // of sending the last one
}

func newProbe(prefix string) *probe {
	return &probe{channel: prefix + "-probe#" + rand.Text()[:10] + "#", now: make(chan struct{}, 1)}
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

// sent notes what became of sending.
func (p *probe) sent(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
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
	case number == p.number:
		p.missing = time.Time{}
	case number < p.number: // the next one cannot be older than this
		p.missing = p.lastSent
	default:
		return false
	}
	news, p.proven = !p.proven, true
	return news
}

// restart forgets the probes that were on their way on a connection that is gone.
func (p *probe) restart() {
	p.mu.Lock()
	p.missing = time.Time{}
	p.mu.Unlock()
	p.hurry()
}

// due tells whether it is time for the next one.
func (p *probe) due() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.lastSent) >= proofInterval
}

// overdue tells whether a probe has been missing for too long; from then on nothing is proven until one
// comes back.
func (p *probe) overdue() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	late := !p.missing.IsZero() && time.Since(p.missing) > proofTimeout
	if late {
		p.proven = false
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
	case p.err != nil:
		return fmt.Errorf("%w: %w", errNoProof, p.err)
	default:
		return errNoProof
	}
}

// runProbe sends probes, and gives up a connection on which they do not come back, until ctx ends.
func (s *subscriber) runProbe(ctx context.Context) {
	ticker := time.NewTicker(proofCheck)
	defer ticker.Stop()
	for {
		hurry := false
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.probe.now:
			hurry = true
		}
		s.mu.RLock()
		connection := s.connected
		s.mu.RUnlock()
		switch {
		case connection == nil || s.subscribed() != nil:
		case s.probe.overdue():
			s.probe.restart()
			_ = connection.Close() // run makes a new one
		case hurry || s.probe.due():
			s.sendProbe(ctx)
		}
	}
}

func (s *subscriber) sendProbe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, proofSend)
	defer cancel()
	s.probe.sent(s.client.Publish(ctx, s.probe.channel, s.probe.next()).Err())
}
