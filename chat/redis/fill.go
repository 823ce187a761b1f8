package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"chorus/chat/redis/lua"
	"chorus/chat/redis/script"
	"chorus/chat/store"

	"github.com/redis/go-redis/v9"
)

// sync reads the ends of logs after their topics were subscribed to, and delivers what was missed since the former
// subscription.
func (f *feed) sync(ctx context.Context, names []string) error {
	for page := range slices.Chunk(names, syncBatch) {
		if err := f.syncBatch(ctx, page); err != nil {
			return err
		}
	}
	return nil
}

func (f *feed) syncBatch(ctx context.Context, names []string) error {
	rules := make([]*redis.MapStringStringCmd, len(names))
	ends, err := f.ends(ctx, names, func(ctx context.Context, p redis.Pipeliner, i int) {
		rules[i] = p.HGetAll(ctx, f.s.keys.Of("bars", names[i]))
	})
	if err != nil {
		return err
	}
	for i, name := range names {
		t := f.topic(name)
		if t == nil {
			continue
		}
		if f.takeBars(name, parseBars(rules[i].Val())) { // while this node was not connected
			f.sink.Barred(name)
		}
		if err := f.synced(ctx, name, t, ends[i]); err != nil {
			return err
		}
	}
	return nil
}

// logEnd is the end of a log, and the epoch that the log had before it was purged as a whole.
type logEnd struct {
	store.Position
	was string
}

// endOf reads the fields epoch, end and was of a log.
func endOf(fields []any) logEnd {
	end := logEnd{Position: positionOf(fields)}
	if len(fields) > 2 {
		end.was, _ = fields[2].(string)
	}
	return end
}

// positionOf reads the fields epoch and end of a log.
func positionOf(fields []any) (p store.Position) {
	if len(fields) < 2 {
		return p
	}
	epoch, _ := fields[0].(string)
	end, _ := fields[1].(string)
	if _, err := fmt.Sscan(end, &p.Pos, &p.Seq); err != nil { // there is no log
		return store.Position{}
	}
	p.Epoch = epoch
	return p
}

// synced takes over the end of a log, delivers what was missed before it and what came after it.
func (f *feed) synced(ctx context.Context, name string, t *topic, end logEnd) error {
	t.synced = true
	if !t.known {
		t.known, t.position = true, end.Position
	} else {
		f.sink.Present(name, &store.PresenceChange{Reset: true})
		if end.Pos == 0 && t.position.Pos == 0 {
			t.position = end.Position
			f.lost(name) // it has no log: what was published meanwhile is nowhere
		} else if err := f.catchUp(ctx, name, t, end); err != nil {
			return err
		}
	}
	f.mu.Lock()
	ready := t.ready
	t.ready = closed
	f.mu.Unlock()
	if ready != closed {
		close(ready)
	}
	waiting := t.waiting
	t.waiting = nil
	for _, payload := range waiting {
		if r, err := parseRecord(payload); err != nil {
			f.malformed(name, err)
		} else if err := f.record(ctx, name, t, r, payload); err != nil {
			return err
		}
	}
	return nil
}

func (f *feed) lost(name string) {
	f.s.stats.Lost.Add(1)
	f.sink.Lost(name)
}

// catchUp compares the position of a topic with the end of its log.
func (f *feed) catchUp(ctx context.Context, name string, t *topic, end logEnd) error {
	switch at := t.position; {
	case end.Position == at:
		return nil
	case at.Pos > 0 && end.was == at.Epoch && end.Epoch != at.Epoch: // the log was purged meanwhile
		f.sink.Logged(&store.Record{
			Kind: store.KindPurge, Log: name, Topics: []string{name}, Epoch: at.Epoch, Pos: at.Pos + 1, Head: at.Seq, At: time.Now().UnixMilli(),
			Cursor: store.Position{Epoch: at.Epoch, Pos: at.Pos + 1, Seq: at.Seq}.Cursor(), PurgedWhole: true,
		})
		if t.position = (store.Position{Epoch: end.Epoch}); end.Pos == 0 {
			return nil
		}
	case end.Pos == 0: // there is no message yet, or Redis lost the log
		if t.position = end.Position; at.Pos > 0 {
			f.lost(name)
		}
		return nil
	case end.Epoch == at.Epoch && end.Pos < at.Pos:
		// Redis lost the end of the log, and will use its numbers again: the log gets another epoch.
		call, cancel := context.WithTimeout(ctx, script.CallTimeout)
		defer cancel()
		if err := lua.Rewind.Run(call, f.s.client, []string{f.s.keys.Of("log", name)}, at.Epoch, at.Pos, newEpoch()).Err(); err != nil {
			return err
		}
		fields, err := f.s.client.HMGet(call, f.s.keys.Of("log", name), "epoch", "end").Result()
		if err != nil {
			return err
		}
		t.position = positionOf(fields)
		f.lost(name)
		return nil
	}
	return f.fill(ctx, name, t)
}

// fill reads from the log what lies between the position of a topic and its end, and delivers it in order.
func (f *feed) fill(ctx context.Context, name string, t *topic) error {
	f.s.stats.Gaps.Add(1)
	from, end, records := t.position, store.Position{}, []*store.Record(nil)
	for mode := "since"; ; mode = "after" {
		r, err := f.s.read(ctx, name, mode, from, store.PageQuery{Limit: maxPage}, "")
		if err != nil {
			return err
		}
		now := store.Position{Epoch: r.epoch, Pos: r.pos, Seq: r.seq}
		if mode == "since" {
			end = now
			if r.missed || r.epoch != from.Epoch {
				if from.Pos > 0 {
					f.lost(name)
				}
				if r.epoch != from.Epoch && r.epoch != "" { // the log began again: all of it is new
					from = store.Position{Epoch: r.epoch}
					t.position = from
					mode = "again"
					if r, err = f.s.read(ctx, name, "after", from, store.PageQuery{Limit: maxPage}, ""); err != nil {
						return err
					}
					if r.missed { // already trimmed: the newest have to do
						r.more = false
					}
				}
			}
			for _, c := range r.changes {
				kind := store.KindState
				if c.purged {
					kind = store.KindPurge
				}
				records = append(records, recordOf(name, kind, r.epoch, c))
			}
		}
		for _, m := range r.messages {
			if m.head.Seq <= end.Seq && r.epoch == end.Epoch {
				records = append(records, recordOf(name, store.KindMessage, r.epoch, m))
			}
		}
		if !r.more || r.missed || len(r.messages) == 0 || r.messages[len(r.messages)-1].head.Seq >= end.Seq {
			break
		}
		last := r.messages[len(r.messages)-1].head
		from = store.Position{Epoch: r.epoch, Pos: last.Pos, Seq: last.Seq}
	}
	slices.SortStableFunc(records, func(a, b *store.Record) int { return int(a.Pos - b.Pos) })
	for _, r := range records {
		f.sink.Logged(r)
	}
	t.position = end
	return nil
}

// recordOf makes a record of a message that was read from a log.
func recordOf(name string, kind store.Kind, epoch string, it item) *store.Record {
	h := &it.head
	position := store.Position{Epoch: epoch, Pos: h.Pos, Seq: h.Seq}
	if kind != store.KindMessage {
		position = h.changePosition(epoch)
	}
	r := &store.Record{
		Kind: kind, Log: name, Topics: []string{name}, Epoch: epoch, Pos: position.Pos, Head: position.Seq, Cursor: position.Cursor(),
		At: h.At, By: h.User, Message: h.message(epoch, it.value, nil),
	}
	if kind == store.KindState && h.By != "" {
		r.At, r.By = max(h.Edited, h.At), h.By
	}
	return r
}

// check compares the positions of all topics with the ends of their logs. A Redis Cluster may lose what it publishes
// while servers fail, although no connection of this node does.
func (f *feed) check(ctx context.Context) error {
	f.mu.Lock()
	names := slices.Collect(maps.Keys(f.topics))
	f.mu.Unlock()
	for page := range slices.Chunk(names, syncBatch) {
		ends, err := f.ends(ctx, page, func(context.Context, redis.Pipeliner, int) {})
		if err != nil {
			return err
		}
		for i, name := range page {
			end := ends[i]
			if t := f.topic(name); t != nil && t.synced && end.Position != t.position && (end.Epoch != "" || t.position.Epoch != "") {
				if err := f.catchUp(ctx, name, t, end); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// ends reads the ends of logs in one round trip; also adds a command for each of them.
func (f *feed) ends(ctx context.Context, names []string, also func(context.Context, redis.Pipeliner, int)) ([]logEnd, error) {
	ctx, cancel := context.WithTimeout(ctx, script.CallTimeout)
	defer cancel()
	fields, ends := make([]*redis.SliceCmd, len(names)), make([]logEnd, len(names))
	_, err := f.s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, name := range names {
			fields[i] = p.HMGet(ctx, f.s.keys.Of("log", name), "epoch", "end", "was")
			also(ctx, p, i)
		}
		return nil
	})
	for i := range names {
		ends[i] = endOf(fields[i].Val())
	}
	return ends, err
}
