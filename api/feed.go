package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chorus/api/rest"
	"chorus/chat"

	"github.com/redis/go-redis/v9"
)

// Bounds of the feed.
const (
	maxFeedEvents  = 10_000           // that are kept for readers that come back
	maxFeedWaiting = 1000             // that wait to be written
	maxFeedValue   = 16 << 10         // bytes of a value; a larger one is left out
	feedKept       = time.Hour        // after the last event
	feedAfter      = 60 * time.Second // how long events are written after the last reader was there
	feedRenewal    = 10 * time.Second // how often a node with readers says so
	feedCall       = time.Second      // that Redis may take
	watchKind      = "api.watch"
)

// feedEvent is something that happened in the cluster.
type feedEvent struct {
	Type   string          `json:"type"`
	At     int64           `json:"at"`
	Node   string          `json:"node"`
	User   *chat.User      `json:"user,omitempty"`
	Room   string          `json:"room,omitempty"`
	To     string          `json:"to,omitempty"`
	ID     string          `json:"id,omitempty"`
	Event  string          `json:"event,omitempty"`
	Socket string          `json:"socket,omitempty"`
	Value  json.RawMessage `json:"value,omitempty"`
	Large  bool            `json:"large,omitempty"` // the value is left out
}

// keptEvent is an event with its place.
type keptEvent struct {
	id   string // MILLISECONDS-NUMBER
	data string // of a feedEvent
}

// feed takes events of this node while somebody reads, on whichever node.
type feed struct {
	node    string
	chat    *chat.Chat
	client  redis.UniversalClient // nil for a node that is alone
	key     string
	watch   string       // key of the millisecond since which events are written without a break
	until   atomic.Int64 // events are taken until this millisecond
	queue   chan feedEvent
	readers atomic.Int64
	dropped atomic.Uint64

	mu    sync.Mutex
	kept  []keptEvent // of a node that is alone
	last  keptEvent
	since int64 // as watch
}

// newFeed returns a feed that takes nothing until somebody reads.
func newFeed(opts *Options) *feed {
	f := &feed{
		node: opts.Nodes.ID(), chat: opts.Chat, client: opts.Client, key: rest.RedisKey(opts.RedisPrefix, "events", ""), watch: rest.RedisKey(opts.RedisPrefix, "events", "since"),
		queue: make(chan feedEvent, maxFeedWaiting),
	}
	opts.Chat.After(f.note)
	opts.Chat.Answer(watchKind, func(json.RawMessage) any {
		f.until.Store(time.Now().Add(feedAfter).UnixMilli())
		return struct{}{}
	})
	return f
}

// watched has all nodes write their events for a while.
func (f *feed) watched(ctx context.Context) error {
	if err := f.noteWatch(ctx); err != nil {
		return err
	}
	_, err := f.chat.AskAll(ctx, watchKind)
	return err
}

// watchScript: KEYS[1] watch. ARGV[1] milliseconds for which the nodes write at least, from now.
var watchScript = redis.NewScript(`
if not redis.call('GET', KEYS[1]) then
	local time = redis.call('TIME')
	redis.call('SET', KEYS[1], string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)))
end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
`)

// noteWatch keeps since when events are written. It comes before the nodes are told, so that it ends before they do.
func (f *feed) noteWatch(ctx context.Context) error {
	if f.client == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		if now := time.Now().UnixMilli(); now > f.until.Load() {
			f.since = now
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, feedCall)
	defer cancel()
	return watchScript.Run(ctx, f.client, []string{f.watch}, feedAfter.Milliseconds()).Err()
}

// feedTypes are the types of events by what happened.
var feedTypes = map[chat.ActionKind]string{
	chat.ActionJoin: "room.joined", chat.ActionLeave: "room.left", chat.ActionPublish: "message.published", chat.ActionDirect: "direct.sent",
	chat.ActionMessage: "message.published", chat.ActionEvent: "event.sent", chat.ActionEdit: "message.edited", chat.ActionDelete: "message.deleted",
	chat.ActionReact: "message.reacted", chat.ActionModerate: "moderation.", chat.ActionReport: "moderation.reported",
}

// note takes an event. It does not block.
func (f *feed) note(a *chat.Action, err error) {
	kind := feedTypes[a.Kind]
	if err != nil || kind == "" || time.Now().UnixMilli() > f.until.Load() || a.Kind == chat.ActionJoin && !a.Fresh {
		return
	}
	e := feedEvent{Type: kind, At: a.At, Node: f.node, Room: a.Room, To: a.To, ID: a.ID}
	if e.At == 0 {
		e.At = time.Now().UnixMilli()
	}
	if user := a.User(); user.ID != "" {
		e.User = &user
	}
	if s := a.Socket(); s != nil {
		e.Socket = string(s.Id())
	}
	switch value := a.Value.(type) {
	case json.RawMessage:
		if e.Large = len(value) > maxFeedValue; !e.Large {
			e.Value = value
		}
	case chat.Measure:
		e.Type += value.Action
	}
	if a.Kind == chat.ActionEvent {
		e.Event = a.Event
	}
	select {
	case f.queue <- e:
	default:
		f.dropped.Add(1)
	}
}

// run writes events until ctx ends.
func (f *feed) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-f.queue:
			batch := []feedEvent{e}
			for len(batch) < cap(f.queue) && len(f.queue) > 0 {
				batch = append(batch, <-f.queue)
			}
			if f.write(ctx, batch) != nil {
				f.dropped.Add(uint64(len(batch)))
			}
		}
	}
}

func (f *feed) write(ctx context.Context, batch []feedEvent) error {
	texts := make([]string, 0, len(batch))
	for i := range batch {
		text, err := json.Marshal(&batch[i])
		if err != nil {
			return err
		}
		texts = append(texts, string(text))
	}
	if f.client == nil {
		f.keep(texts)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, feedCall)
	defer cancel()
	_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, text := range texts {
			p.XAdd(ctx, &redis.XAddArgs{Stream: f.key, MaxLen: maxFeedEvents, Approx: true, Values: []any{"e", text}})
		}
		p.PExpire(ctx, f.key, feedKept)
		return nil
	})
	return err
}

// keep is write for a node that is alone.
func (f *feed) keep(texts []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, text := range texts {
		now, number := time.Now().UnixMilli(), int64(0)
		if at, n := splitEventID(f.last.id); at >= now {
			now, number = at, n+1
		}
		f.last = keptEvent{fmt.Sprintf("%d-%d", now, number), text}
		f.kept = append(f.kept, f.last)
	}
	f.kept = f.kept[max(0, len(f.kept)-maxFeedEvents):]
}

// splitEventID returns the numbers of the id of an event.
func splitEventID(id string) (at, number int64) {
	first, second, _ := strings.Cut(id, "-")
	at, _ = strconv.ParseInt(first, 10, 64)
	number, _ = strconv.ParseInt(second, 10, 64)
	return at, number
}

// before reports whether an id is before another one.
func before(a, b string) bool {
	at, number := splitEventID(a)
	otherAt, other := splitEventID(b)
	return at < otherAt || at == otherAt && number < other
}

// end returns the place behind everything that has happened.
func (f *feed) end(ctx context.Context) (string, error) {
	if f.client == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.last.id == "" {
			return "0-0", nil
		}
		return f.last.id, nil
	}
	ctx, cancel := context.WithTimeout(ctx, feedCall)
	defer cancel()
	now, err := f.client.Time(ctx).Result()
	return fmt.Sprintf("%d-0", now.UnixMilli()), err
}

// feedPage is how many events are read at once.
const feedPage = 500

// after returns the events after a place.
func (f *feed) after(ctx context.Context, place string) (events []keptEvent, err error) {
	if f.client == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, e := range f.kept {
			if before(place, e.id) && len(events) < feedPage {
				events = append(events, e)
			}
		}
		return events, nil
	}
	ctx, cancel := context.WithTimeout(ctx, feedCall)
	defer cancel()
	entries, err := f.client.XRangeN(ctx, f.key, "("+place, "+", feedPage).Result()
	for _, entry := range entries {
		text, _ := entry.Values["e"].(string)
		events = append(events, keptEvent{entry.ID, text})
	}
	return events, err
}

// later reports whether the time of an event's id is after that of another one.
func later(id, other string) bool {
	at, _ := splitEventID(id)
	than, _ := splitEventID(other)
	return at > than
}

// missed reports whether events after a place are kept no more, or were not written because nobody read.
func (f *feed) missed(ctx context.Context, place string) (bool, error) {
	at, _ := splitEventID(place)
	if f.client == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.kept) == 0 || before(place, f.kept[0].id) || at < f.since || time.Now().UnixMilli() > f.until.Load(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, feedCall)
	defer cancel()
	var first *redis.XMessageSliceCmd
	var since *redis.StringCmd
	_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		first, since = p.XRangeN(ctx, f.key, "-", "+", 1), p.Get(ctx, f.watch)
		return nil
	})
	if errors.Is(err, redis.Nil) {
		return true, nil // nobody has read for a while
	}
	if err != nil {
		return false, err
	}
	kept := first.Val()
	begun, err := since.Int64()
	return len(kept) == 0 || before(place, kept[0].ID) || at < begun, err
}
