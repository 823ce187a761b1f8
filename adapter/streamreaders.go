package adapter

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"chorus/adapter/wire"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// streamReaders listen for all namespaces: to the channels of what is of the moment, and to each stream
// with a reader of its own.
type streamReaders struct {
	redis    *Redis
	opts     StreamsOptions
	channels channelListener

	mu      sync.Mutex
	readers map[string]*streamReader // by the key of the stream
}

// channelListener listens to channels, on shards or not.
type channelListener interface {
	listener
	add(ctx context.Context, routes []route)
	remove(ctx context.Context, routes []route)
}

func newStreamReaders(r *Redis, opts StreamsOptions) *streamReaders {
	l := &streamReaders{redis: r, opts: opts, readers: make(map[string]*streamReader)}
	r.outbox.refused = func(err error) {
		for _, reader := range l.all() {
			reader.probe.refused(err)
		}
	}
	if opts.ShardedPubSub {
		s := newShards(r.client, r.log, &r.stats, &r.opts, true)
		s.changed, s.lost = r.outbox.refresh, r.lost
		l.channels = s
	} else {
		s := newSubscriber(r.client, r.log, &r.stats, &r.opts)
		s.changed, s.lost = r.outbox.refresh, r.lost
		s.transient = true
		l.channels = s
	}
	return l
}

// run implements listener. The readers end with the same context.
func (l *streamReaders) run(ctx context.Context) { l.channels.run(ctx) }

func (l *streamReaders) health() error {
	if err := l.channels.health(); err != nil {
		return err
	}
	for _, r := range l.all() {
		if err := r.health(); err != nil {
			return fmt.Errorf("stream %s: %w", r.stream, err)
		}
	}
	return nil
}

func (l *streamReaders) all() []*streamReader {
	l.mu.Lock()
	defer l.mu.Unlock()
	readers := make([]*streamReader, 0, len(l.readers))
	for _, r := range l.readers {
		readers = append(readers, r)
	}
	return readers
}

// add hands a namespace what is in its stream from now on.
func (l *streamReaders) add(stream string, c *streams) {
	r := l.reader(stream)
	r.add(c)
	r.once.Do(func() { l.redis.begin(func() { r.run(l.redis.ctx) }) }) // ends with Close
}

// reader returns the reader of a stream, which may not run yet.
func (l *streamReaders) reader(stream string) *streamReader {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.readers[stream]
	if !ok {
		r = newStreamReader(l.redis, l.opts, stream)
		l.readers[stream] = r
	}
	return r
}

// remove ends that. The reader goes on: the next namespace of its stream finds it at its place.
func (l *streamReaders) remove(stream string, c *streams) {
	l.mu.Lock()
	r := l.readers[stream]
	l.mu.Unlock()
	if r != nil {
		r.remove(c)
	}
}

// ownConnection returns a client that is for one reader of a stream: closing it ends a read that waits.
func ownConnection(ctx context.Context, client redis.UniversalClient, stream string) (*redis.Client, error) {
	node, ok := client.(*redis.Client)
	if !ok {
		cluster, ok := client.(*redis.ClusterClient)
		if !ok {
			return nil, fmt.Errorf("adapter: a %T has no streams", client)
		}
		var err error
		if node, err = cluster.MasterForKey(ctx, stream); err != nil {
			return nil, err
		}
	}
	opts := *node.Options()
	opts.PoolSize, opts.MinIdleConns, opts.MaxIdleConns, opts.MaxActiveConns = 1, 0, 0, 0
	opts.MaxRetries = -1
	opts.ContextTimeoutEnabled = true
	// What the client has negotiated with its servers it keeps here, and changes at any time.
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(&opts), nil
}

// entriesOf reads the entries of an answer.
func entriesOf(messages []redis.XMessage) (entries []wire.Entry, err error) {
	entries = slices.Grow(entries, len(messages))
	for _, m := range messages {
		e, err := wire.ReadEntry(m.ID, m.Values)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}
