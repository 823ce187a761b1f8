package auth

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// probeInterval is how long a silent connection is trusted. Then Redis is pinged, and a connection that
	// stays silent for as long again is given up. The library's own PubSub.Channel notices a Redis that hangs
	// only when the kernel does.
	probeInterval = 3 * time.Second

	// Waiting times between attempts to reach Redis.
	minReconnect = 50 * time.Millisecond
	maxReconnect = 500 * time.Millisecond

	// maxWaitingNews bounds the messages that were read and not yet looked at. Beyond, they wait in Redis.
	maxWaitingNews = 4096
)

// news is what a subscription hands on: a message, or that it was subscribed, for the first time or again.
// Whatever was published before that may have been missed.
type news struct {
	subscribed bool
	message    string
}

// subscription listens to one channel of Redis.
type subscription struct {
	client  redis.UniversalClient
	channel string
	log     *slog.Logger
	losses  *atomic.Uint64 // counts losses of the connection
}

// run keeps a connection until ctx ends, and hands on what it hears.
func (s *subscription) run(ctx context.Context, out chan<- news) {
	retry := minReconnect
	reported := false // an outage is logged once, not at every attempt
	for ctx.Err() == nil {
		err := s.session(ctx, func(n news) {
			if n.subscribed {
				retry, reported = minReconnect, false
				s.log.Info("subscribed on redis", slog.String("channel", s.channel))
			}
			select {
			case out <- n:
			case <-ctx.Done():
			}
		})
		if ctx.Err() != nil {
			return
		}
		if !reported {
			reported = true
			s.losses.Add(1)
			s.log.Warn("no subscription on redis, trying again until there is", slog.String("channel", s.channel), slog.Any("error", err))
		}
		pause(ctx, retry)
		retry = min(2*retry, maxReconnect)
	}
}

// session subscribes on a new connection and hands on messages until an error.
func (s *subscription) session(ctx context.Context, hand func(news)) error {
	connection := s.client.Subscribe(ctx)
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() }) // unblocks a read
	defer func() {
		stop()
		_ = connection.Close()
	}()
	if err := connection.Subscribe(ctx, s.channel); err != nil {
		return err
	}
	probing := false
	for {
		message, err := connection.ReceiveTimeout(ctx, probeInterval)
		var timeout net.Error
		switch {
		case err == nil:
			probing = false
		case errors.As(err, &timeout) && timeout.Timeout() && !probing:
			probing = true
			if err := connection.Ping(ctx); err != nil {
				return err
			}
			continue
		default:
			return err
		}
		switch m := message.(type) {
		case *redis.Subscription:
			hand(news{subscribed: true})
		case *redis.Message:
			hand(news{message: m.Payload})
		}
	}
}

// pause waits for about d, or until ctx ends. Half of it is random, so that the nodes of a cluster do not
// come back to Redis in step.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d/2 + rand.N(d/2)) //nolint:gosec // jitter needs no secrecy
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
