package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"chorus/chat/notice"
	"chorus/chat/redis/lua"
	"chorus/chat/redis/script"
	"chorus/chat/store"

	"github.com/redis/go-redis/v9"
)

// atOnce is how many messages of a room one script adds.
const atOnce = 64

// appending is a message of a room on its way.
type appending struct {
	log     string
	epoch   string // for a log that begins; "" when it may not
	bounds  store.Bounds
	args    []any         // of the message alone
	markers string        // the key of the sender's markers; "" for none
	spec    string        // who is told
	done    chan appended // holds one
}

// appended is what became of a message: outcome, time, seq, position, epoch, and whether the log began and lives on.
type appended struct {
	answer []string
	err    error
}

// appends gathers the messages of a room that wait for Redis at the same time, so that one script adds them all, in the
// order in which they came. Each has an outcome of its own.
type appends struct {
	s *Store

	mu      sync.Mutex
	waiting map[string][]*appending // by log
	total   int
}

// add adds a message and waits for its outcome.
func (w *appends) add(ctx context.Context, a *appending) ([]string, error) {
	a.done = make(chan appended, 1)
	w.mu.Lock()
	if w.total >= script.MaxWaiting {
		w.mu.Unlock()
		return nil, w.s.calls.Overloaded()
	}
	first := len(w.waiting[a.log]) == 0
	w.waiting[a.log] = append(w.waiting[a.log], a)
	w.total++
	w.mu.Unlock()
	if first {
		if err := w.s.calls.Later(func() []*script.Call { return w.calls(a.log) }); err != nil {
			for _, other := range w.take(a.log) {
				other.done <- appended{err: err}
			}
		}
	}
	select {
	case out := <-a.done:
		return out.answer, out.err
	case <-ctx.Done():
		return nil, script.Unavailable(ctx.Err())
	case <-w.s.calls.Closed():
		return nil, store.ErrUnavailable
	}
}

// take returns the messages that wait for a room.
func (w *appends) take(log string) []*appending {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.waiting[log]
	delete(w.waiting, log)
	w.total -= len(list)
	return list
}

// calls returns the scripts that add the messages of a room.
func (w *appends) calls(log string) (calls []*script.Call) {
	for list := range slices.Chunk(w.take(log), atOnce) {
		calls = append(calls, w.call(log, list))
	}
	return calls
}

// call returns the script that adds some messages of a room.
func (w *appends) call(log string, list []*appending) *script.Call {
	limits, bounds, epoch, spec := &w.s.opts.Limits, list[0].bounds, "", ""
	for _, a := range list {
		epoch, spec = cmp.Or(epoch, a.epoch), cmp.Or(spec, a.spec)
	}
	args := []any{epoch, bounds.Messages, bounds.Age.Milliseconds(), bounds.Bytes, limits.RememberedIDs, log, limits.Markers, limits.Remember.Milliseconds(), len(list)}
	keys := []string{w.s.keys.Of("log", log)}
	for _, a := range list {
		marker := 0 // the index of its key
		if a.markers != "" {
			keys = append(keys, a.markers)
			marker = len(keys)
		}
		args = append(append(args, marker), a.args...)
	}
	return script.NewCall(lua.Append, keys, append(args, spec), func(cmd *redis.Cmd) {
		answers, err := w.outcomes(cmd, len(list))
		for i, a := range list {
			if err != nil {
				a.done <- appended{err: err}
			} else {
				a.done <- appended{answer: answers[i]}
			}
		}
	})
}

// outcomes reads the answer of lua.Append.
func (w *appends) outcomes(cmd *redis.Cmd, n int) ([][]string, error) {
	if err := w.s.calls.Failed(cmd); err != nil {
		return nil, err
	}
	answers := make([][]string, n)
	list, err := cmd.Slice()
	if err == nil && len(list) == n {
		for i, item := range list {
			fields, _ := item.([]any)
			answers[i] = texts(fields)
			if len(fields) == 0 {
				err = errAnswer
			}
		}
		return answers, err
	}
	return nil, errors.Join(errAnswer, err)
}

// Append implements store.Log.
func (s *Store) Append(ctx context.Context, a *store.Append) (store.Receipt, error) {
	mentions := a.Mentions[:min(len(a.Mentions), s.opts.MentionsOfOne)]
	remember := a.Remember
	if remember == 0 {
		remember = s.opts.Remember
	}
	rest, err := head{User: a.User, Name: a.Name, Event: a.Event, Mentions: mentions, Attach: a.Attach, Chosen: remember > 0, Text: a.Text, Open: a.Open, Length: a.Length}.rest()
	if err != nil {
		return store.Receipt{}, err
	}
	record, err := recordLine{Log: a.Log, Topics: a.Topics, By: a.User, Origin: a.Origin, Except: a.Except}.rest()
	if err != nil {
		return store.Receipt{}, err
	}
	args := make([]any, 0, 12+len(mentions)+len(a.Topics))
	args = append(args, a.ID, a.User, a.Digest, max(remember, 0).Milliseconds(), record+"}", rest, a.Value, a.Slow.Milliseconds(), len(mentions))
	for _, user := range mentions {
		args = append(args, user)
	}
	args = append(append(args, s.keys.Channels(a.Topics)...), a.Notice)
	m := &appending{log: a.Log, bounds: a.Bounds, args: args, spec: s.messageSpec(a.Notice, notice.MessagePublished, a.Log)}
	if a.Mark && !s.sharded() {
		m.markers = s.keys.Of("read", a.User)
	}
	answer, err := s.begun(ctx, a.Log, a.Bounds.Age, func(epoch string) ([]string, error) {
		m.epoch = epoch
		return s.appends.add(ctx, m)
	})
	if err != nil {
		return store.Receipt{}, err
	}
	switch answer[0] {
	case "conflict":
		return store.Receipt{}, &store.ConflictError{Reason: "the id is that of another message"}
	case "slow":
		return store.Receipt{}, &store.SlowError{Wait: time.Duration(number(answer[1])) * time.Millisecond}
	case "ok", "repeated":
	default:
		return store.Receipt{}, fmt.Errorf("chat: append: unexpected answer %q", answer[0])
	}
	r := store.Receipt{ID: a.ID, At: number(answer[1]), Seq: number(answer[2]), Pos: number(answer[3]), Epoch: answer[4], Repeated: answer[0] == "repeated"}
	r.Cursor = store.Position{Epoch: r.Epoch, Pos: r.Pos, Seq: r.Seq}.Cursor()
	if a.Mark && m.markers == "" && !r.Repeated { // the markers of a user are on another server of a Redis Cluster
		if _, err := s.mark(ctx, a.User, a.Log, store.Position{Epoch: r.Epoch, Seq: r.Seq}); err != nil {
			s.log.Debug("the marker of a sender was not moved", slog.String("room", a.Log), slog.Any("error", err))
		}
	}
	s.relay(a.Log)
	return r, nil
}
