package adapter

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
)

// streamReader reads one stream for all namespaces that are in it, and hands them the entries one after
// the other. It begins at the end that the stream has when it first reaches Redis, and from then on
// nothing falls between two reads.
type streamReader struct {
	redis  *Redis
	opts   StreamsOptions
	stream string

	complaints redisconn.Complaints

	history *history
	once    sync.Once // begins run

	mu      sync.Mutex
	readers map[string][]*streams // by namespace
	err     error                 // why it does not read
	placed  bool                  // the history has begun
	recent  [recentIDs]streamID   // the entries handed on last
	handed  int                   // how many were
}

// recentIDs is how many entries a reader knows again when Redis comes back with an older state of the
// stream: after a crash, Redis has lost what it had not yet written to its disk.
const recentIDs = 4096

func newStreamReader(r *Redis, opts StreamsOptions, stream string) *streamReader {
	return &streamReader{
		redis: r, opts: opts, stream: stream, history: newHistory(opts.history()),
		complaints: newComplaints(r.log),
		readers:    make(map[string][]*streams),
		err:        errNotConnected,
	}
}

func (r *streamReader) add(c *streams) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := c.a.nsp.Name()
	r.readers[name] = append(r.readers[name][:len(r.readers[name]):len(r.readers[name])], c)
}

func (r *streamReader) remove(c *streams) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := c.a.nsp.Name()
	var rest []*streams
	for _, other := range r.readers[name] {
		if other != c {
			rest = append(rest, other)
		}
	}
	if r.readers[name] = rest; len(rest) == 0 {
		delete(r.readers, name)
	}
}

// health returns nil while it reads.
func (r *streamReader) health() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *streamReader) state(err error) {
	r.mu.Lock()
	r.err = err
	r.mu.Unlock()
	r.redis.outbox.refresh()
}

// run reads until ctx ends.
func (r *streamReader) run(ctx context.Context) {
	redisconn.Keep(ctx, func(up func()) error {
		err := r.session(ctx, up)
		r.state(err)
		if ctx.Err() == nil {
			r.redis.lost()
		}
		return err
	}, func(err error) {
		r.redis.stats.Disconnects.Add(1)
		r.redis.log.Warn("the stream on redis is not read, trying again until it is",
			slog.String("stream", r.stream), slog.Any("error", err))
	})
}

// session reads over a connection of its own until an error.
func (r *streamReader) session(ctx context.Context, onUp func()) error {
	client, err := ownConnection(ctx, r.redis.client, r.stream)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = client.Close() }) // unblocks a read
	defer func() {
		if stop() {
			_ = client.Close()
		}
	}()
	if err := r.locate(ctx, client); err != nil {
		return err
	}
	onUp()
	r.state(nil)
	if s := r.redis.sessions; s != nil {
		s.anew.Store(true)
	}
	behind := true // after an outage there may be much to read
	for {
		entries, err := r.read(ctx, client, behind)
		if err != nil {
			return err
		}
		for i := range entries {
			r.hand(&entries[i])
		}
		behind = len(entries) == r.opts.ReadCount
	}
}

// locate finds the place to read from on a new connection: the end of the stream for the first time, and
// afterwards where the last session ended, unless the stream does not reach back that far any more.
func (r *streamReader) locate(ctx context.Context, client *redis.Client) error {
	info, err := client.XInfoStream(ctx, r.stream).Result()
	if err != nil && !strings.Contains(err.Error(), "no such key") {
		return err
	}
	var last streamID // of a stream that is not there
	if err == nil {
		if last, err = parseStreamID(info.LastGeneratedID); err != nil {
			return err
		}
	}
	position, placed := r.place()
	switch {
	case !placed:
		r.moveTo(last)
	case last.compare(position) < 0:
		if r.knows(last) { // an older state of the stream, all of which was read
			r.moveTo(last)
			return nil
		}
		// It was lost, and what there is now is older by the clock of Redis, and was not read.
		r.gap("the stream was lost", position, last)
		r.moveTo(streamID{})
	}
	return nil
}

// read returns the next entries. While it is behind it does not wait for any, and checks that none were
// trimmed that it has not read.
func (r *streamReader) read(ctx context.Context, client *redis.Client, behind bool) ([]streamEntry, error) {
	position, _ := r.place()
	args := &redis.XReadArgs{Streams: []string{r.stream}, ID: position.String(), Count: int64(r.opts.ReadCount), Block: r.opts.Block}
	if !behind {
		return readEntries(client.XRead(ctx, args))
	}
	args.Block = -1 // a read in a transaction never waits
	var here *redis.XMessageSliceCmd
	var next *redis.XStreamSliceCmd
	_, err := client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		here = pipe.XRangeN(ctx, r.stream, position.String(), position.String(), 1)
		next = pipe.XRead(ctx, args)
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	entries, err := readEntries(next)
	if err == nil && len(entries) > 0 && len(here.Val()) == 0 && position != (streamID{}) {
		r.gap("the stream was trimmed", position, entries[0].id)
		r.moveTo(entries[0].id.before()) // who comes back and has missed what is gone must not believe that it has all
	}
	return entries, err
}

func readEntries(cmd *redis.XStreamSliceCmd) ([]streamEntry, error) {
	answer, err := cmd.Result()
	if errors.Is(err, redis.Nil) || err == nil && len(answer) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return entriesOf(answer[0].Messages)
}

func (r *streamReader) place() (position streamID, placed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history.position(), r.placed
}

func (r *streamReader) moveTo(position streamID) {
	r.mu.Lock()
	r.placed = true
	r.mu.Unlock()
	r.history.mu.Lock()
	defer r.history.mu.Unlock()
	r.history.begin(position)
}

// knows tells whether an entry was handed on lately.
func (r *streamReader) knows(id streamID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.recent[:min(r.handed, recentIDs)], id)
}

// gap reports entries that were gone before they were read. How many they were nobody knows.
func (r *streamReader) gap(what string, after, until streamID) {
	r.redis.stats.Gaps.Add(1)
	r.redis.log.Error("messages of the cluster are lost to clients of this node: "+what,
		slog.String("stream", r.stream), slog.String("after", after.String()), slog.String("until", until.String()))
}

// hand hands an entry to its namespace.
func (r *streamReader) hand(e *streamEntry) {
	r.redis.stats.Received.Add(1)
	r.mu.Lock()
	r.recent[r.handed%recentIDs] = e.id
	r.handed++
	readers := r.readers[e.nsp]
	r.mu.Unlock()
	// Broadcasts alone: the others run handlers of the application.
	r.history.mu.Lock()
	r.history.add(kept{id: e.id, entry: e, size: e.size()})
	if e.kind == kindBroadcastText {
		defer r.history.mu.Unlock()
	} else {
		r.history.mu.Unlock()
	}
	for _, c := range readers {
		guard(r.redis.log, func() { // disconnections run the application's handlers
			if err := c.onEntry(e); err != nil {
				r.redis.stats.Malformed.Add(1)
				r.complaints.Add(1, slog.String("channel", r.stream), slog.Any("error", err))
			}
		})
	}
}
