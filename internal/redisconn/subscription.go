package redisconn

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// MaxWaitingNews bounds the messages that were read and not yet looked at. Beyond, they wait in Redis.
const MaxWaitingNews = 4096

// News is what a subscription hands on: a message, or that it was subscribed, for the first time or again.
// Whatever was published before that may have been missed.
type News struct {
	Subscribed bool
	Message    string
}

// Subscription listens to one channel of Redis.
type Subscription struct {
	Client  redis.UniversalClient
	Channel string
	Log     *slog.Logger
	Losses  *atomic.Uint64 // counts losses of the connection
}

// Run keeps a connection until ctx ends, and hands on what it receives.
func (s *Subscription) Run(ctx context.Context, out chan<- News) {
	Keep(ctx, func(up func()) error {
		return s.session(ctx, func(n News) {
			if n.Subscribed {
				up()
				s.Log.Info("subscribed on redis", slog.String("channel", s.Channel))
			}
			select {
			case out <- n:
			case <-ctx.Done():
			}
		})
	}, func(err error) {
		s.Losses.Add(1)
		s.Log.Warn("no subscription on redis, trying again until there is", slog.String("channel", s.Channel), slog.Any("error", err))
	})
}

// session subscribes on a new connection and hands on messages until an error.
func (s *Subscription) session(ctx context.Context, hand func(News)) error {
	connection := s.Client.Subscribe(ctx)
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() }) // unblocks a read
	defer func() {
		stop()
		_ = connection.Close()
	}()
	if err := connection.Subscribe(ctx, s.Channel); err != nil {
		return err
	}
	receiver := Receiver{Connection: connection}
	for {
		message, err := receiver.Next(ctx)
		if err != nil {
			return err
		}
		switch m := message.(type) {
		case *redis.Subscription:
			hand(News{Subscribed: true})
		case *redis.Message:
			hand(News{Message: m.Payload})
		}
	}
}

// MalformedData returns complaints about stored entries and messages that were not understood. Nothing of them is logged: they may
// hold a part of a token.
func MalformedData(log *slog.Logger) Complaints {
	return Complaints{Log: log, Message: "malformed data on redis ignored"}
}
