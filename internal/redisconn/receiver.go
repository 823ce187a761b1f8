package redisconn

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// probeInterval is how long a silent connection is trusted. Then Redis is pinged, and a connection that stays
// silent for as long again is given up. The library's own PubSub.Channel notices a Redis that hangs only
// when the kernel does.
const probeInterval = 3 * time.Second

// Receiver reads a subscribing connection, for one goroutine.
type Receiver struct {
	Connection *redis.PubSub

	probing bool
}

// Next returns what comes next, as PubSub.Receive does, or an error when the connection is lost or Redis does
// not answer.
func (r *Receiver) Next(ctx context.Context) (any, error) {
	for {
		message, err := r.Connection.ReceiveTimeout(ctx, probeInterval)
		var timeout net.Error
		switch {
		case err == nil:
			r.probing = false
			return message, nil
		case errors.As(err, &timeout) && timeout.Timeout() && !r.probing:
			r.probing = true
			if err := r.Connection.Ping(ctx); err != nil {
				return nil, err
			}
		default:
			return nil, err
		}
	}
}
