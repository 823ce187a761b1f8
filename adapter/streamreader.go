package adapter

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"chorus/adapter/wire"
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
	probe   *probe    // over a stream of its own in the same slot, which is read along
	once    sync.Once // begins run

	mu      sync.Mutex
	readers map[string][]*streams    // by namespace
	err     error                    // why it does not read
	placed  bool                     // the history has begun
	next    wire.StreamID            // read what comes after it: where the history is, or before, see locate
	recent  [recentIDs]wire.StreamID // the entries handed on last
	handed  int                      // how many were
	probeAt string                   // the last probe that was read; it belongs to the goroutine that reads
	end     func()                   // ends the connection; nil while there is none
}

// recentIDs is how many entries a reader knows again when Redis comes back with an older state of the
// stream: after a crash, Redis has lost what it had not yet written to its disk.
const recentIDs = 4096

func newStreamReader(r *Redis, opts StreamsOptions, stream string) *streamReader {
	return &streamReader{
		redis: r, opts: opts, stream: stream, history: newHistory(opts.history()),
		probe:      newStreamProbe(r, stream),
		complaints: newComplaints(r.log),
		readers:    make(map[string][]*streams),
		err:        errNotConnected,
		probeAt:    "0",
	}
}

func (r *streamReader) add(c *streams) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := c.ns.Name()
	r.readers[name] = append(r.readers[name][:len(r.readers[name]):len(r.readers[name])], c)
}

func (r *streamReader) remove(c *streams) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := c.ns.Name()
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

// health returns nil while it reads what it writes.
func (r *streamReader) health() error {
	r.mu.Lock()
	err := r.err
	r.mu.Unlock()
	if err != nil {
		return err
	}
	return r.probe.health()
}

func (r *streamReader) state(err error) {
	r.mu.Lock()
	r.err = err
	r.mu.Unlock()
	r.redis.outbox.refresh()
}

// run reads until ctx ends.
func (r *streamReader) run(ctx context.Context) {
	var probing sync.WaitGroup
	defer probing.Wait()
	probing.Go(func() { r.runProbe(ctx) }) // ends with ctx
	redisconn.Keep(ctx, func(up func()) error {
		err := r.session(ctx, up)
		r.setEnd(nil)
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
	r.probeAt = "0"
	r.setEnd(func() { _ = client.Close() })
	r.probe.restart()
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
	var last wire.StreamID // of a stream that is not there
	if err == nil {
		if last, err = wire.ParseStreamID(info.LastGeneratedID); err != nil {
			return err
		}
	}
	position, placed := r.place()
	switch {
	case !placed:
		before, err := r.lookBack(ctx, client, last)
		if err != nil {
			return err
		}
		r.begin(last, before)
	case last.Compare(position) < 0:
		if r.knows(last) {
			// An older state of the stream, all of which was read: what it has lost is remembered here, and
			// what comes now is later.
			r.mu.Lock()
			r.next = last
			r.mu.Unlock()
			return nil
		}
		// It was lost, and what there is now is older by the clock of Redis, and was not read.
		r.gap("the stream was lost", position, last)
		r.moveTo(wire.StreamID{})
	}
	return nil
}

// read returns the next entries. While it is behind it does not wait for any, and checks that none were
// trimmed that it has not read.
func (r *streamReader) read(ctx context.Context, client *redis.Client, behind bool) ([]wire.Entry, error) {
	position, _ := r.place()
	args := &redis.XReadArgs{
		Streams: []string{r.stream, r.probe.channel, position.String(), r.probeAt}, Count: int64(r.opts.ReadCount), Block: r.opts.Block,
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.Block+readSlack)
	defer cancel()
	if !behind {
		entries, err := r.readEntries(client.XRead(ctx, args))
		if err != nil || len(entries) < r.opts.ReadCount {
			return entries, err
		}
		// It has been behind without knowing: the handlers of the last entries took long.
		here, err := client.XRangeN(ctx, r.stream, position.String(), position.String(), 1).Result()
		if err != nil {
			return nil, err
		}
		r.checkGap(position, len(here) > 0, entries)
		return entries, nil
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
	entries, err := r.readEntries(next)
	if err == nil {
		r.checkGap(position, len(here.Val()) > 0, entries)
	}
	return entries, err
}

// checkGap reports a gap before the entries that were read after a position, unless the entry there is still
// there: what is trimmed goes from the beginning.
func (r *streamReader) checkGap(position wire.StreamID, there bool, entries []wire.Entry) {
	if there || len(entries) == 0 || position == (wire.StreamID{}) {
		return
	}
	r.gap("the stream was trimmed", position, entries[0].ID)
	r.moveTo(entries[0].ID.Before()) // who comes back and has missed what is gone must not believe that it has all
}

// readEntries returns the entries of an answer, and takes the probes in it.
func (r *streamReader) readEntries(cmd *redis.XStreamSliceCmd) (entries []wire.Entry, err error) {
	answer, err := cmd.Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	for _, part := range answer {
		if part.Stream == r.probe.channel {
			r.takeProbes(part.Messages)
		} else if entries, err = entriesOf(part.Messages); err != nil {
			return nil, err
		}
	}
	return entries, err
}

// lookBack returns the entries up to the last that a node remembers which has just started: many clients may
// come back to it at a time, and would read them from Redis one by one.
func (r *streamReader) lookBack(ctx context.Context, client *redis.Client, last wire.StreamID) (entries []wire.Entry, err error) {
	if r.opts.Recovery == nil {
		return nil, nil
	}
	oldest := wire.StreamID{}
	if age := uint64(r.opts.Recovery.MaxDisconnection.Milliseconds()); last.Ms > age { //nolint:gosec // it is positive
		oldest.Ms = last.Ms - age
	}
	limits := r.history.limits
	for size, end := 0, last; end != (wire.StreamID{}); {
		messages, err := client.XRevRangeN(ctx, r.stream, end.String(), oldest.String(), int64(r.opts.ReadCount)).Result()
		if err != nil {
			return nil, err
		}
		part, err := entriesOf(messages)
		if err != nil {
			return nil, err
		}
		for i := range part {
			if size += part[i].Size(); size > limits.bytes || len(entries) == limits.messages {
				return entries, nil
			}
			entries = append(entries, part[i])
		}
		if len(part) < r.opts.ReadCount {
			return entries, nil
		}
		end = part[len(part)-1].ID.Before()
	}
	return entries, nil
}

func (r *streamReader) place() (next wire.StreamID, placed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next, r.placed
}

// begin takes a place in the stream for the first time; before are the entries up to there, the last one first.
func (r *streamReader) begin(position wire.StreamID, before []wire.Entry) {
	if len(before) == 0 {
		r.moveTo(position)
		return
	}
	oldest := before[len(before)-1].ID
	r.moveTo(oldest.Before())
	r.history.mu.Lock()
	for i := range before {
		e := &before[len(before)-1-i]
		r.history.add(keptEntry(e))
	}
	r.history.finish(position)
	r.history.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = position
}

// moveTo forgets what came before a place, and reads on from there.
func (r *streamReader) moveTo(position wire.StreamID) {
	r.mu.Lock()
	r.placed, r.next = true, position
	r.mu.Unlock()
	r.history.mu.Lock()
	defer r.history.mu.Unlock()
	r.history.begin(position)
}

// knows tells whether an entry was handed on lately.
func (r *streamReader) knows(id wire.StreamID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.recent[:min(r.handed, recentIDs)], id)
}

// gap reports entries that were gone before they were read. How many they were nobody knows.
func (r *streamReader) gap(what string, after, until wire.StreamID) {
	r.redis.stats.Gaps.Add(1)
	r.redis.log.Error("messages of the cluster are lost to clients of this node: "+what,
		slog.String("stream", r.stream), slog.String("after", after.String()), slog.String("until", until.String()))
}

// hand hands an entry to its namespace.
func (r *streamReader) hand(e *wire.Entry) {
	r.redis.stats.Received.Add(1)
	r.mu.Lock()
	r.recent[r.handed%recentIDs] = e.ID
	r.handed++
	r.next = e.ID
	readers := r.readers[e.Nsp]
	r.mu.Unlock()
	// Broadcasts alone: the others run handlers of the application.
	r.history.mu.Lock()
	if e.ID.Compare(r.history.position()) <= 0 {
		r.history.begin(e.ID.Before()) // by a clock that is behind that of the Redis before
	}
	r.history.add(keptEntry(e))
	defer r.history.finish(e.ID)
	if e.IsBroadcast() {
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
