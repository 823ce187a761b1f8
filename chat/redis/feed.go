package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"chorus/chat/redis/presence"
	"chorus/chat/redis/script"
	"chorus/chat/store"
	"chorus/internal/redisconn"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/redis/go-redis/v9"
)

const (
	maxInbox      = 1024            // messages from Redis that wait for the dispatcher
	syncBatch     = 128             // topics whose state is read at once
	maxUnfollowed = 10_000          // logs that reach this node by a topic of another name
	checkInterval = 5 * time.Second // a Redis Cluster may lose what it publishes between its servers
	followTimeout = 5 * time.Second // a subscription takes longer only when Redis does not answer
	maxBuffered   = 10_000          // records of a topic whose position is not known yet
)

// The first byte of a payload says what it is. A record of a log is JSON and begins with a brace.
const (
	payloadSignal   = 's'
	payloadPresence = 'p'
	payloadBars     = 'b'
)

// topic is what a node follows. refs, ready and bars are guarded by the mutex of the feed; the dispatcher owns the rest.
type topic struct {
	refs  int
	ready chan struct{} // closed when the position is known, and then the same one of all topics
	bars  *bars

	synced   bool // the position is that of the log since the subscription
	position store.Position
	known    bool // position has been read once
	waiting  []string
}

// closed is the channel of topics whose position is known.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// feed receives what the nodes publish. One goroutine reads the subscribing connection, another one, the dispatcher,
// hands everything to the sink, in the order of each log and without gaps.
type feed struct {
	s       *Store
	sink    store.Sink
	signals chan [2]string // topic and payload
	others  *lru.Cache[string, store.Position]

	mu         sync.Mutex
	topics     map[string]*topic
	connection *redis.PubSub // nil while there is none
	down       bool
	everywhere *bars // nil until they are read
}

func newFeed(s *Store) *feed {
	others, _ := lru.New[string, store.Position](maxUnfollowed) // fails for sizes below 1 only
	return &feed{s: s, signals: make(chan [2]string, maxSignals), topics: make(map[string]*topic), others: others}
}

// Follow implements store.Feed.
func (s *Store) Follow(ctx context.Context, name string) error {
	f := s.feed
	f.mu.Lock()
	t := f.topics[name]
	if t == nil {
		t = &topic{ready: make(chan struct{})}
		f.topics[name] = t
	}
	t.refs++
	connection, first, down, ready := f.connection, t.refs == 1, f.down, t.ready
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, followTimeout)
	defer cancel()
	var err error
	switch {
	case down:
		err = store.ErrUnavailable
	case first && connection != nil:
		// Without the deadline of ctx: the library closes the connection of all topics when a write ends late, be it only
		// because it waited for the writes of others. The client's WriteTimeout bounds it.
		err = connection.Subscribe(context.WithoutCancel(ctx), s.keys.Channel(name))
	}
	if err == nil {
		select {
		case <-ready:
			return nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	s.Unfollow(name) // ctx may have ended
	return script.Unavailable(err)
}

// Unfollow implements store.Feed.
func (s *Store) Unfollow(name string) {
	f := s.feed
	f.mu.Lock()
	t := f.topics[name]
	if t == nil {
		f.mu.Unlock()
		return
	}
	t.refs--
	gone, connection := t.refs == 0, f.connection
	if gone {
		delete(f.topics, name)
	}
	f.mu.Unlock()
	if gone && connection != nil {
		ctx := context.Background()                           // as in Follow
		_ = connection.Unsubscribe(ctx, s.keys.Channel(name)) // else its messages are dropped
		f.mu.Lock()
		again := f.topics[name] != nil
		f.mu.Unlock()
		if again { // followed meanwhile
			_ = connection.Subscribe(ctx, s.keys.Channel(name)) // else Follow fails
		}
	}
}

// run keeps the subscription.
func (f *feed) run(ctx context.Context) {
	redisconn.Keep(ctx, func(up func()) error { return f.session(ctx, up) }, func(err error) {
		f.s.stats.Disconnects.Add(1)
		f.s.log.Warn("the feed of the chat rooms is interrupted; what it misses is read from the logs afterwards", slog.Any("error", err))
	})
}

// session subscribes to all topics and dispatches until the connection is lost.
func (f *feed) session(ctx context.Context, up func()) error {
	ctx, cancel := context.WithCancel(ctx)
	connection := f.s.client.Subscribe(ctx, f.s.keys.All())
	inbox, failed := make(chan any, maxInbox), make(chan error, 1)
	var reading sync.WaitGroup
	defer func() {
		f.mu.Lock()
		f.connection, f.down = nil, true
		f.mu.Unlock()
		cancel()
		_ = connection.Close()
		reading.Wait()
	}()
	reading.Go(func() { // ends with the connection or ctx
		receiver := redisconn.Receiver{Connection: connection}
		for {
			message, err := receiver.Next(ctx)
			if err != nil {
				failed <- err
				return
			}
			select {
			case inbox <- message:
			case <-ctx.Done():
				return
			}
		}
	})
	f.mu.Lock()
	f.connection = connection
	channels := make([]string, 0, len(f.topics))
	for name, t := range f.topics {
		t.synced = false
		channels = append(channels, f.s.keys.Channel(name))
	}
	f.mu.Unlock()
	for len(channels) > 0 {
		n := min(len(channels), 500)
		if err := connection.Subscribe(ctx, channels[:n]...); err != nil {
			return err
		}
		channels = channels[n:]
	}
	return f.dispatch(ctx, inbox, failed, up)
}

// dispatch is the loop of the dispatcher.
func (f *feed) dispatch(ctx context.Context, inbox <-chan any, failed <-chan error, up func()) error {
	check := time.NewTicker(checkInterval)
	defer check.Stop()
	var pending []string // topics whose position has to be read
	var since time.Time
	for {
		var message any
		if len(pending) > 0 && (len(inbox) == 0 || len(pending) >= syncBatch || time.Since(since) > 10*time.Millisecond) {
			if err := f.sync(ctx, pending); err != nil {
				return err
			}
			pending = nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case <-check.C:
			if _, ok := f.s.client.(*redis.ClusterClient); ok {
				if err := f.check(ctx); err != nil {
					return err
				}
			}
			continue
		case message = <-inbox:
		}
		switch m := message.(type) {
		case *redis.Subscription:
			if m.Kind != "subscribe" {
				continue
			}
			if m.Channel == f.s.keys.All() {
				changed, err := f.loadBars(ctx, "")
				if err != nil {
					return err
				}
				if changed { // while this node was not connected
					f.sink.Barred("")
				}
				f.mu.Lock()
				f.down = false
				f.mu.Unlock()
				up()
				continue
			}
			if len(pending) == 0 {
				since = time.Now()
			}
			pending = append(pending, f.s.keys.Topic(m.Channel))
		case *redis.Message:
			if err := f.handle(ctx, m.Channel, m.Payload); err != nil {
				return err
			}
		}
	}
}

func (f *feed) topic(name string) *topic {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.topics[name]
}

// handle takes what Redis brings. An error ends the session: Redis did not answer.
func (f *feed) handle(ctx context.Context, channel, payload string) error {
	if channel == f.s.keys.All() {
		switch {
		case strings.HasPrefix(payload, string(payloadBars)):
			if _, err := f.loadBars(ctx, ""); err != nil {
				return err
			}
			f.sink.Barred("")
		case strings.HasPrefix(payload, string(presence.PayloadStatus)):
			f.s.users.Heard(payload[1:])
		}
		return nil
	}
	name := f.s.keys.Topic(channel)
	t := f.topic(name)
	if t == nil || payload == "" {
		return nil
	}
	switch payload[0] {
	case payloadSignal:
		f.sink.Signalled(name, []byte(payload[1:]))
	case payloadPresence:
		change, err := presence.Parse(payload[1:])
		if err != nil {
			f.malformed(name, err)
			return nil
		}
		f.sink.Present(name, change)
	case payloadBars:
		if _, err := f.loadBars(ctx, name); err != nil {
			return err
		}
		f.sink.Barred(name)
	case '{':
		r, err := parseRecord(payload)
		if err != nil {
			f.malformed(name, err)
			return nil
		}
		return f.record(ctx, name, t, r, payload)
	default:
		f.malformed(name, errors.New("unknown kind"))
	}
	return nil
}

func (f *feed) malformed(name string, err error) {
	f.s.stats.Malformed.Add(1)
	f.s.log.Debug("a payload of a chat room is not understood", slog.String("room", name), slog.Any("error", err))
}

// parseRecord reads a record of a log.
func parseRecord(payload string) (*store.Record, error) {
	first, rest, ok := strings.Cut(payload, "\n")
	if !ok {
		return nil, errors.New("one line")
	}
	var line recordLine
	if err := json.Unmarshal([]byte(first), &line); err != nil {
		return nil, err
	}
	h, value, err := parse(rest)
	if err != nil {
		return nil, err
	}
	r := &store.Record{
		Kind: line.Kind, Log: line.Log, Topics: line.Topics, Epoch: line.Epoch, Pos: line.Pos, Head: line.Head, At: line.Now, By: line.By, Origin: line.Origin, Except: line.Except,
		Cursor: store.Position{Epoch: line.Epoch, Pos: line.Pos, Seq: line.Head}.Cursor(), Message: h.message(line.Epoch, value, nil),
		Key: line.Key, On: line.On, Count: line.Count, Offset: line.Offset, PurgedUser: line.User, PurgedWhole: line.Whole,
	}
	if line.Kind == store.KindPurge {
		r.ID = line.ID
	}
	if len(value) == 0 && line.Kind != store.KindMessage && line.Kind != store.KindEdit && line.Kind != store.KindExtend {
		r.Value = nil
	}
	return r, nil
}

// record delivers a record in its turn.
func (f *feed) record(ctx context.Context, name string, t *topic, r *store.Record, payload string) error {
	own := t
	if r.Log != name {
		own = f.topic(r.Log)
	}
	if own == nil { // a log that no topic is named after: there is nothing to compare with but what came before
		if last, ok := f.others.Get(r.Log); ok && last.Epoch == r.Epoch && r.Pos <= last.Pos {
			return nil
		}
		f.others.Add(r.Log, store.Position{Epoch: r.Epoch, Pos: r.Pos})
		f.sink.Logged(r)
		return nil
	}
	if !own.synced {
		if len(own.waiting) == maxBuffered {
			return fmt.Errorf("too many records of %q wait for its position", r.Log)
		}
		own.waiting = append(own.waiting, payload)
		return nil
	}
	switch at := own.position; {
	case at.Epoch == r.Epoch && r.Pos <= at.Pos:
		return nil // delivered already
	case at.Epoch == r.Epoch && r.Pos == at.Pos+1, at.Pos == 0 && r.Pos == 1:
		own.position = store.Position{Epoch: r.Epoch, Pos: r.Pos, Seq: r.Head}
		if r.PurgedWhole {
			own.position = store.Position{}
		}
		f.sink.Logged(r)
		return nil
	}
	return f.fill(ctx, r.Log, own)
}
