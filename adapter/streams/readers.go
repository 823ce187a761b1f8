package streams

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"chorus/adapter/history"
	"chorus/adapter/wire"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// readers are those of a transport, one for each stream.
type readers struct {
	mu       sync.Mutex
	byStream map[string]*reader
	returned []func() // called when a stream is read again
}

func (l *readers) all() []*reader {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]*reader, 0, len(l.byStream))
	for _, r := range l.byStream {
		list = append(list, r)
	}
	return list
}

func (l *readers) onReturn(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.returned = append(l.returned, fn)
}

// back tells those who asked that a stream is read again.
func (l *readers) back() {
	l.mu.Lock()
	list := slices.Clone(l.returned)
	l.mu.Unlock()
	for _, fn := range list {
		fn()
	}
}

func (l *readers) remove(c *link) {
	l.mu.Lock()
	r := l.byStream[c.stream]
	l.mu.Unlock()
	if r != nil {
		r.remove(c)
	}
}

// reader returns the reader of a stream, which may not run yet. The limits are those of the first call.
func (t *Transport) reader(stream string, limits history.Limits) *reader {
	t.readers.mu.Lock()
	defer t.readers.mu.Unlock()
	r, ok := t.readers.byStream[stream]
	if !ok {
		if t.readers.byStream == nil {
			t.readers.byStream = make(map[string]*reader)
		}
		r = newReader(t, stream, limits)
		t.readers.byStream[stream] = r
	}
	return r
}

// ownConnection returns a client that is for one reader of a stream: closing it ends a read that waits.
func ownConnection(ctx context.Context, client goredis.UniversalClient, stream string) (*goredis.Client, error) {
	node, ok := client.(*goredis.Client)
	if !ok {
		cluster, ok := client.(*goredis.ClusterClient)
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
	return goredis.NewClient(&opts), nil
}

// entriesOf reads the entries of an answer.
func entriesOf(messages []goredis.XMessage) (entries []wire.Entry, err error) {
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
