package redis

import (
	"chorus/internal/acl"

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

// Probe proves that a subscribing connection hears: this node publishes to itself, on a channel that
// nobody else listens to. TCP and PING may be fine while pub/sub is not.
type Probe struct {
	channel string // or the key of a stream
	stats   *counters
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

// NewProbe returns a probe of a hub, on a channel or a key of its own whose name begins with a prefix.
func NewProbe(h *Hub, prefix string) *Probe {
	return &Probe{channel: prefix + "#" + rand.Text()[:10] + "#", stats: &h.stats, changed: h.Refresh, now: make(chan struct{}, 1)}
}

// Channel returns the channel or key of the probe.
func (p *Probe) Channel() string { return p.channel }

// hurry sends a probe without waiting for its time.
func (p *Probe) hurry() {
	select {
	case p.now <- struct{}{}:
	default: // it is going to be
	}
}

// next returns what to send.
func (p *Probe) next() string {
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
func (p *Probe) sent(err error) {
	p.mu.Lock()
	p.err = err
	refused := err != nil && refuses(err)
	p.mu.Unlock()
	if refused {
		p.Refused(err)
	} else if err != nil {
		p.stats.probeFailures.Add(1)
	}
}

// Refused notes that Redis refuses what this node writes: nothing is proven until a later probe comes back.
func (p *Probe) Refused(err error) {
	p.mu.Lock()
	p.err = fmt.Errorf("%w: %w", errRefused, err)
	p.proven, p.missing, p.first = false, time.Time{}, p.number+1
	p.mu.Unlock()
	p.stats.probeFailures.Add(1)
	p.changed()
}

// Returned notes that a probe has come back, and reports whether nothing was proven before.
func (p *Probe) Returned(payload string) (news bool) {
	number, err := strconv.ParseUint(payload, 10, 64)
	if err != nil {
		return false // of another server
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
	p.stats.probeNanos.Store(int64(time.Since(p.lastSent)))
	news, p.proven, p.err = !p.proven, true, nil
	return news
}

// Restart forgets the probes that were on their way on a connection that is gone.
func (p *Probe) Restart() {
	p.mu.Lock()
	p.missing, p.first = time.Time{}, p.number+1
	p.mu.Unlock()
	p.hurry()
}

// due reports whether it is time for the next one.
func (p *Probe) due() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	interval := proofInterval
	if !p.proven {
		interval = proofCheck
	}
	return time.Since(p.lastSent) >= interval
}

// overdue reports whether a probe has been missing for too long; from then on nothing is proven until one
// comes back.
func (p *Probe) overdue() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	late := !p.missing.IsZero() && time.Since(p.missing) > proofTimeout
	if late {
		p.proven = false
		p.stats.probeFailures.Add(1)
	}
	return late
}

// Health returns nil while what was sent comes back.
func (p *Probe) Health() error {
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
func (s *Subscriber) runProbe(ctx context.Context) {
	s.probe.Run(ctx, func() (end func()) {
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

// Run sends probes until ctx ends. The function current returns what ends the connection that a probe is for, nil while
// there is none; it is called when a probe does not come back.
func (p *Probe) Run(ctx context.Context, current func() (end func()), send func(ctx context.Context, number string) error) {
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
			p.Restart()
			end()
		case hurry || p.due():
			sending, cancel := context.WithTimeout(ctx, proofSend)
			p.sent(send(sending, p.next()))
			cancel()
		}
	}
}

// Needs returns what a hub needs on Redis with a prefix: its probe.
func Needs(prefix string) []acl.Command {
	pattern, channel := []string{acl.Literal(prefix) + "-probe#*"}, prefix+"-probe#"
	return append(acl.Plain("ping"),
		acl.Command{Name: "publish", Args: []string{channel, ""}, Channels: pattern},
		acl.Command{Name: "subscribe", Args: []string{channel}, Channels: pattern})
}
