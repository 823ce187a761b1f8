package streams

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"chorus/adapter/history"
	"chorus/adapter/redis"
	"chorus/adapter/wire"
	"chorus/internal/redisconn"

	goredis "github.com/redis/go-redis/v9"
)

// reader reads one stream for all namespaces that are in it, and hands them the entries one after
// the other. It begins at the end that the stream has when it first reaches Redis, and from then on
// nothing falls between two reads.
type reader struct {
	transport *Transport
	opts      Options
	stream    string

	complaints redisconn.Complaints

	history *history.Log
	probe   *redis.Probe // over a stream of its own in the same slot, which is read along
	once    sync.Once    // begins run

	mu      sync.Mutex
	readers map[string][]*link       // by namespace
	err     error                    // why it does not read
	placed  bool                     // the history has begun
	next    wire.StreamID            // read what comes after it: where the history is, or before, see locate
	recent  [recentIDs]wire.StreamID // the entries delivered last
	handed  int                      // how many were
	probeAt string                   // the last probe that was read; it belongs to the goroutine that reads
	end     func()                   // ends the connection; nil while there is none
}

// recentIDs is how many entries a reader knows again when Redis comes back with an older state of the
// stream: after a crash, Redis has lost what it had not yet written to its disk.
const recentIDs = 4096

func newReader(t *Transport, stream string, limits history.Limits) *reader {
	return &reader{
		transport: t, opts: t.opts, stream: stream, history: history.New(limits),
		probe:      redis.NewProbe(t.Hub, ProbeKey(stream)),
		complaints: t.Complaints(),
		readers:    make(map[string][]*link),
		err:        redis.ErrNotConnected,
		probeAt:    "0",
	}
}

func (r *reader) add(c *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := c.ns.Name()
	r.readers[name] = append(r.readers[name][:len(r.readers[name]):len(r.readers[name])], c)
}

func (r *reader) remove(c *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := c.ns.Name()
	var rest []*link
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
func (r *reader) health() error {
	r.mu.Lock()
	err := r.err
	r.mu.Unlock()
	if err != nil {
		return err
	}
	return r.probe.Health()
}

func (r *reader) state(err error) {
	r.mu.Lock()
	r.err = err
	r.mu.Unlock()
	r.transport.Refresh()
}

// run reads until ctx ends.
func (r *reader) run(ctx context.Context) {
	var probing sync.WaitGroup
	defer probing.Wait()
	probing.Go(func() { r.runProbe(ctx) }) // ends with ctx
	redisconn.Keep(ctx, func(up func()) error {
		err := r.session(ctx, up)
		r.setEnd(nil)
		r.state(err)
		if ctx.Err() == nil {
			r.transport.Lost()
		}
		return err
	}, func(err error) {
		r.transport.Disconnected()
		r.transport.Log().Warn("the stream on redis is not read, trying again until it is",
			slog.String("stream", r.stream), slog.Any("error", err))
	})
}

// session reads over a connection of its own until an error.
func (r *reader) session(ctx context.Context, onUp func()) error {
	client, err := ownConnection(ctx, r.transport.Client(), r.stream)
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
	r.probe.Restart()
	r.state(nil)
	r.transport.readers.back()
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
func (r *reader) locate(ctx context.Context, client *goredis.Client) error {
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
func (r *reader) read(ctx context.Context, client *goredis.Client, behind bool) ([]wire.Entry, error) {
	position, _ := r.place()
	args := &goredis.XReadArgs{
		Streams: []string{r.stream, r.probe.Channel(), position.String(), r.probeAt}, Count: int64(r.opts.ReadCount), Block: r.opts.Block,
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
	var here *goredis.XMessageSliceCmd
	var next *goredis.XStreamSliceCmd
	_, err := client.TxPipelined(ctx, func(pipe goredis.Pipeliner) error {
		here = pipe.XRangeN(ctx, r.stream, position.String(), position.String(), 1)
		next = pipe.XRead(ctx, args)
		return nil
	})
	if err != nil && !errors.Is(err, goredis.Nil) {
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
func (r *reader) checkGap(position wire.StreamID, there bool, entries []wire.Entry) {
	if there || len(entries) == 0 || position == (wire.StreamID{}) {
		return
	}
	r.gap("the stream was trimmed", position, entries[0].ID)
	r.moveTo(entries[0].ID.Before()) // a client that returns and has missed what is gone must not believe that it has all
}

// readEntries returns the entries of an answer, and takes the probes in it.
func (r *reader) readEntries(cmd *goredis.XStreamSliceCmd) (entries []wire.Entry, err error) {
	answer, err := cmd.Result()
	if errors.Is(err, goredis.Nil) {
		return nil, nil
	}
	for _, part := range answer {
		if part.Stream == r.probe.Channel() {
			r.takeProbes(part.Messages)
		} else if entries, err = entriesOf(part.Messages); err != nil {
			return nil, err
		}
	}
	return entries, err
}

// lookBack returns the entries up to the last that a node remembers which has just started: many clients may
// come back to it at a time, and would read them from Redis one by one.
func (r *reader) lookBack(ctx context.Context, client *goredis.Client, last wire.StreamID) (entries []wire.Entry, err error) {
	limits := r.history.Limits()
	if limits.Messages <= 0 {
		return nil, nil
	}
	oldest := wire.StreamID{}
	if age := uint64(limits.Age.Milliseconds()); last.Ms > age { //nolint:gosec // it is positive
		oldest.Ms = last.Ms - age
	}
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
			if size += part[i].Size(); size > limits.Bytes || len(entries) == limits.Messages {
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

func (r *reader) place() (next wire.StreamID, placed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next, r.placed
}

// begin takes a place in the stream for the first time; before are the entries up to there, the last one first.
func (r *reader) begin(position wire.StreamID, before []wire.Entry) {
	if len(before) == 0 {
		r.moveTo(position)
		return
	}
	oldest := before[len(before)-1].ID
	r.moveTo(oldest.Before())
	r.history.Lock()
	for i := range before {
		e := &before[len(before)-1-i]
		r.history.Add(history.NewMessage(e))
	}
	r.history.Finish(position)
	r.history.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = position
}

// moveTo forgets what came before a place, and reads on from there.
func (r *reader) moveTo(position wire.StreamID) {
	r.mu.Lock()
	r.placed, r.next = true, position
	r.mu.Unlock()
	r.history.Lock()
	defer r.history.Unlock()
	r.history.Begin(position)
}

// knows reports whether an entry was handed on lately.
func (r *reader) knows(id wire.StreamID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.recent[:min(r.handed, recentIDs)], id)
}

// gap reports entries that were gone before they were read. Their number is not known.
func (r *reader) gap(what string, after, until wire.StreamID) {
	r.transport.Gap()
	r.transport.Log().Error("messages of the cluster are lost to clients of this node: "+what,
		slog.String("stream", r.stream), slog.String("after", after.String()), slog.String("until", until.String()))
}

// hand passes an entry to its namespace.
func (r *reader) hand(e *wire.Entry) {
	r.transport.Received()
	r.mu.Lock()
	r.recent[r.handed%recentIDs] = e.ID
	r.handed++
	r.next = e.ID
	readers := r.readers[e.Nsp]
	r.mu.Unlock()
	// Broadcasts alone: the others run handlers of the application.
	r.history.Lock()
	if e.ID.Compare(r.history.Position()) <= 0 {
		r.history.Begin(e.ID.Before()) // by a clock that is behind that of the Redis before
	}
	r.history.Add(history.NewMessage(e))
	defer r.history.Finish(e.ID)
	if e.IsBroadcast() {
		defer r.history.Unlock()
	} else {
		r.history.Unlock()
	}
	for _, c := range readers {
		r.transport.Handle(r.stream, &r.complaints, func() error { return c.onEntry(e) })
	}
}
