package adapter

import (
	"context"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// readSlack is how much longer than it may block a read may take.
	readSlack = 2 * time.Second
	// probeExpiry ends the probes of a node that is gone.
	probeExpiry = time.Minute
	fieldProbe  = "n"
)

// newStreamProbe makes the probe of the reader of a stream. The node writes it into a small stream of its own, which is
// read together with the stream, over the same connection. In the stream itself it would push out messages.
func newStreamProbe(r *Redis, stream string) *probe {
	p := newProbe(r.opts.Prefix, &r.stats)
	p.channel = ProbeKey(stream) + p.channel[strings.Index(p.channel, "#"):]
	p.changed = r.outbox.refresh
	return p
}

// ProbeKey returns the beginning of the keys of probes: in the hash slot of the stream, where a Redis Cluster keeps both
// on one master.
func ProbeKey(stream string) string {
	if strings.Contains(stream, "{") {
		return stream + "-probe"
	}
	return "{" + stream + "}-probe"
}

// runProbe writes probes until ctx ends.
func (r *streamReader) runProbe(ctx context.Context) {
	r.probe.run(ctx, func() (end func()) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.end
	}, func(ctx context.Context, number string) error {
		pipe := r.redis.client.Pipeline()
		added := pipe.XAdd(ctx, &redis.XAddArgs{Stream: r.probe.channel, MaxLen: 1, Values: []string{fieldProbe, number}})
		pipe.PExpire(ctx, r.probe.channel, probeExpiry)
		_, _ = pipe.Exec(ctx)
		return added.Err()
	})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), proofSend)
	defer cancel()
	r.redis.client.Del(ctx, r.probe.channel) // it expires otherwise
}

// takeProbes takes probes that have come back.
func (r *streamReader) takeProbes(messages []redis.XMessage) {
	for _, m := range messages {
		r.probeAt = m.ID
		if number, _ := m.Values[fieldProbe].(string); r.probe.returned(number) {
			r.redis.outbox.refresh()
		}
	}
}

func (r *streamReader) setEnd(end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end = end
}
