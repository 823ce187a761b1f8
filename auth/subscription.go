package auth

import (
	"context"
	"log/slog"
	"sync/atomic"

	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
)

// maxWaitingNews bounds the messages that were read and not yet looked at. Beyond, they wait in Redis.
const maxWaitingNews = 4096

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
	redisconn.Keep(ctx, func(up func()) error {
		return s.session(ctx, func(n news) {
			if n.subscribed {
				up()
				s.log.Info("subscribed on redis", slog.String("channel", s.channel))
			}
			select {
			case out <- n:
			case <-ctx.Done():
			}
		})
	}, func(err error) {
		s.losses.Add(1)
		s.log.Warn("no subscription on redis, trying again until there is", slog.String("channel", s.channel), slog.Any("error", err))
	})
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
	receiver := redisconn.Receiver{Connection: connection}
	for {
		message, err := receiver.Next(ctx)
		if err != nil {
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

// newComplaints logs stored entries and messages that were not understood. Nothing of them is logged: they may
// hold a part of a token.
func newComplaints(log *slog.Logger) redisconn.Complaints {
	return redisconn.Complaints{Log: log, Message: "malformed data on redis ignored"}
}
