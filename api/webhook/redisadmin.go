package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"chorus/chat/notice"

	"github.com/redis/go-redis/v9"
)

// Name implements Admin.
func (q *Redis) Name() string { return q.name }

// Status implements Admin.
func (q *Redis) Status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var length, dead *redis.IntCmd
	var oldest *redis.XMessageSliceCmd
	var meta *redis.MapStringStringCmd
	var off, owner *redis.StringCmd
	_, err := q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		length, dead = p.XLen(ctx, q.key("events")), p.ZCard(ctx, q.key("died"))
		oldest = p.XRangeN(ctx, q.key("events"), "-", "+", 1)
		meta, off, owner = p.HGetAll(ctx, q.key("meta")), p.Get(ctx, q.key("off")), p.Get(ctx, q.key("owner"))
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return Status{}, err
	}
	m := meta.Val()
	s := Status{
		Name: q.name, Backlog: int(length.Val()), Dead: int(dead.Val()), Error: m["error"], ErrorAt: timeOf(m["error_at"]), Off: timeOf(off.Val()), Node: owner.Val(),
		Bytes: int64Of(m["bytes"]), Delivered: int64Of(m["delivered"]), Failed: int64Of(m["failed"]), Folded: int64Of(m["folded"]), Dropped: int64Of(m["dropped"]),
	}
	if found := oldest.Val(); len(found) == 1 {
		at := time.UnixMilli(eventOf(&found[0]).At).UTC()
		s.Oldest = &at
	}
	return s, nil
}

func int64Of(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64) // scripts write whole numbers
	return n
}

// timeOf returns a time in milliseconds, nil for none.
func timeOf(text string) *time.Time {
	if text == "" {
		return nil
	}
	at := time.UnixMilli(int64Of(text)).UTC()
	return &at
}

// deadPage bounds a page of dead events.
const deadPage = 1000

// Dead implements Admin. The cursor is the number of events before the page.
func (q *Redis) Dead(ctx context.Context, query DeadQuery) (DeadPage, error) {
	start := int64Of(query.Cursor)
	limit := int64(query.Limit)
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, deadPage)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ids, err := q.client.ZRange(ctx, q.key("died"), start, start+limit).Result()
	page := DeadPage{Events: []DeadEvent{}}
	if err != nil || len(ids) == 0 {
		return page, err
	}
	if int64(len(ids)) > limit {
		ids = ids[:limit]
		page.Next = strconv.FormatInt(start+limit, 10)
	}
	texts, err := q.client.HMGet(ctx, q.key("dead"), ids...).Result()
	for _, item := range texts {
		text, _ := item.(string)
		var d deadText
		if json.Unmarshal([]byte(text), &d) == nil {
			page.Events = append(page.Events, d.shown())
		}
	}
	return page, err
}

// redeliverScript: ARGV 1 target, then ids. It leaves dead what does not fit into the queue.
var redeliverScript = redis.NewScript(notice.PutLua + `
local t, n = cjson.decode(ARGV[1]), 0
for i = 2, #ARGV do
	local text = redis.call('HGET', t.k .. ':dead', ARGV[i])
	if text and redis.call('XLEN', t.k .. ':events') < t.m then
		local e = cjson.decode(text)
		put(t, {id = e.ID, kind = e.Kind, at = string.format('%.0f', e.At), seq = string.format('%.0f', e.Seq), key = e.Subject, fold = '', data = e.Data})
		redis.call('HDEL', t.k .. ':dead', ARGV[i])
		redis.call('ZREM', t.k .. ':died', ARGV[i])
		n = n + 1
	end
end
return n
`)

// Redeliver implements Admin. What is redelivered keeps its id, and comes behind what waits.
func (q *Redis) Redeliver(ctx context.Context, r Redelivery) (int, error) {
	total := 0
	put := func(ids []string) error {
		args := make([]any, len(ids))
		for i, id := range ids {
			args[i] = id
		}
		n, err := q.run(ctx, redeliverScript, args...).Int()
		total += n
		return err
	}
	chosen := r.IDs
	for cursor := ""; len(r.IDs) == 0; {
		page, err := q.Dead(ctx, DeadQuery{Cursor: cursor, Limit: deadPage})
		if err != nil {
			return 0, err
		}
		for i := range page.Events {
			if r.has(&page.Events[i]) {
				chosen = append(chosen, page.Events[i].ID)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for len(chosen) > 0 {
		n := min(len(chosen), 100)
		if err := put(chosen[:n]); err != nil {
			return total, err
		}
		chosen = chosen[n:]
	}
	return total, nil
}

// has reports whether a dead event is meant.
func (r *Redelivery) has(e *DeadEvent) bool {
	return r.All || (!r.Since.IsZero() || !r.Until.IsZero()) && !e.At.Before(r.Since) && (r.Until.IsZero() || !e.At.After(r.Until))
}

// Enable implements Admin.
func (q *Redis) Enable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return q.client.Del(ctx, q.key("off")).Err()
}

// testScript: ARGV 1 target, 2 the time. The answer is the id.
var testScript = redis.NewScript(notice.PutLua + `
local t = cjson.decode(ARGV[1])
local seq = redis.call('HINCRBY', t.k .. ':meta', 'own', 1)
local id = 'evt_' .. redis.sha1hex(t.k .. '\0' .. seq .. '\0' .. ARGV[2])
put(t, {id = id, kind = 'webhook.test', at = ARGV[2], seq = seq, key = 'test', fold = '', data = '"target":' .. cjson.encode(ARGV[3])})
return id
`)

// Test implements Admin.
func (q *Redis) Test(ctx context.Context) (string, error) {
	return q.run(ctx, testScript, time.Now().UnixMilli(), q.name).Text()
}
