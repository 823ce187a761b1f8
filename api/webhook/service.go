// Package webhook tells back ends what happens, by signed requests: webhooks.
//
// Each target has a queue, in Redis or in memory, into which package notice puts what the target wants. One node of a
// cluster delivers the events of a target; when it dies another one goes on, with the same ids.
package webhook

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options configure New.
type Options struct {
	Targets []Target
	// Queue returns the queue of a target.
	Queue func(*Target) Queue
	// Observe is called for each request with its outcome: ok, or why not; default nothing. It must not block.
	Observe func(target, outcome string, events int, took time.Duration)
	// Logger gets failures; default no log. Neither events nor secrets are logged.
	Logger *slog.Logger
}

// Service delivers webhooks. Make it with New.
type Service struct {
	couriers []*courier
	stats    Stats
	cancel   context.CancelFunc
	tasks    sync.WaitGroup
}

// Stats are counters.
type Stats struct {
	QueueErrors atomic.Uint64 // operations that the queue did not do

	report func(target, outcome string, events int, took time.Duration)
}

func (s *Stats) observe(target string, a *answer, events int, took time.Duration) {
	outcome := "failed"
	switch {
	case a.ok:
		outcome = "ok"
	case a.off:
		outcome = "gone"
	}
	s.report(target, outcome, events, took)
}

// New returns a service. Start begins its work.
func New(opts Options) *Service {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Observe == nil {
		opts.Observe = func(string, string, int, time.Duration) {}
	}
	s := &Service{}
	s.stats.report = opts.Observe
	for i := range opts.Targets {
		t := &opts.Targets[i]
		t.Batch, t.Timeout, t.RetryFor = cmp.Or(t.Batch, 1), cmp.Or(t.Timeout, 15*time.Second), cmp.Or(t.RetryFor, 24*time.Hour)
		s.couriers = append(s.couriers, &courier{queue: opts.Queue(t), sender: newSender(t), target: t, log: opts.Logger, stats: &s.stats})
	}
	return s
}

// Stats returns the counters.
func (s *Service) Stats() *Stats { return &s.stats }

// Start begins to deliver.
func (s *Service) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	for _, c := range s.couriers {
		s.tasks.Go(func() { c.run(ctx) }) // ends with Close
	}
}

// Close ends the deliveries. What waits stays in the queues.
func (s *Service) Close() {
	if s.cancel != nil {
		s.cancel()
	}
	s.tasks.Wait()
	for _, c := range s.couriers {
		c.sender.client.CloseIdleConnections()
	}
}
