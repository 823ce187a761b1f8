package streams

import (
	"context"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

const (
	// readSlack is how much longer than it may block a read may take.
	readSlack = 2 * time.Second
	// probeExpiry ends the probes of a node that is gone.
	probeExpiry = time.Minute
	fieldProbe  = "n"
	// endTimeout bounds the removal of the probes of a server that ends.
	endTimeout = time.Second
)

// ProbeKey returns the beginning of the keys of probes: in the hash slot of the stream, where a Redis Cluster keeps both
// on one master.
func ProbeKey(stream string) string {
	if strings.Contains(stream, "{") {
		return stream + "-probe"
	}
	return "{" + stream + "}-probe"
}

// runProbe writes probes until ctx ends. The server writes them into a small stream of its own, which is
// read together with the stream, over the same connection. In the stream itself they would push out messages.
func (r *reader) runProbe(ctx context.Context) {
	r.probe.Run(ctx, func() (end func()) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.end
	}, func(ctx context.Context, number string) error {
		pipe := r.transport.Client().Pipeline()
		added := pipe.XAdd(ctx, &goredis.XAddArgs{Stream: r.probe.Channel(), MaxLen: 1, Values: []string{fieldProbe, number}})
		pipe.PExpire(ctx, r.probe.Channel(), probeExpiry)
		_, _ = pipe.Exec(ctx)
		return added.Err()
	})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	r.transport.Client().Del(ctx, r.probe.Channel()) // it expires otherwise
}

// takeProbes takes probes that have come back.
func (r *reader) takeProbes(messages []goredis.XMessage) {
	for _, m := range messages {
		r.probeAt = m.ID
		if number, _ := m.Values[fieldProbe].(string); r.probe.Returned(number) {
			r.transport.Refresh()
		}
	}
}

func (r *reader) setEnd(end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end = end
}
