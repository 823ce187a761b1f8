package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"chorus/chat/notice"

	"github.com/redis/go-redis/v9"
)

// consumer is the one consumer of a group: what a node that died had under way is the next one's.
const consumer = "deliverer"

const (
	readWait    = time.Second     // for new events
	callTimeout = 2 * time.Second // of other commands
)

// Redis is the queue of a target in the Redis of a cluster. Besides what package notice writes there are the keys
// ":owner", which node delivers; ":off"; ":dead", a hash of dead events by id, and ":died", the same by time.
type Redis struct {
	client redis.UniversalClient
	name   string
	node   string
	target notice.SpecTarget
	text   string // the target for scripts

	cursor string // of Next: a position among what was under way, then ">"
}

var (
	_ Queue = (*Redis)(nil)
	_ Admin = (*Redis)(nil)
)

// NewRedis returns the queue of a target; node is what holds the right to deliver.
func NewRedis(client redis.UniversalClient, prefix, node string, target notice.Target) *Redis {
	q := &Redis{client: client, name: target.Name, node: node, target: notice.SpecTarget{Key: notice.Key(prefix, target.Name), Most: target.MaxBacklog, Bytes: target.MaxBytes}}
	text, _ := json.Marshal(q.target) // it cannot fail: there are texts and numbers
	q.text = string(text)
	return q
}

func (q *Redis) key(part string) string { return q.target.Key + ":" + part }

func (q *Redis) run(ctx context.Context, script *redis.Script, args ...any) *redis.Cmd {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return script.Run(ctx, q.client, []string{q.key("events")}, append([]any{q.text}, args...)...)
}

// holdScript: ARGV 1 target, 2 node, 3 milliseconds. The answer is whether the node holds the right now, whether it did
// before, whether the target is off, and how many dropped events it was not told of.
var holdScript = redis.NewScript(`
local t = cjson.decode(ARGV[1])
local owner = redis.call('GET', t.k .. ':owner')
if owner and owner ~= ARGV[2] then return {0, 0, 0, 0} end
redis.call('SET', t.k .. ':owner', ARGV[2], 'PX', ARGV[3])
local m = redis.call('HMGET', t.k .. ':meta', 'dropped', 'told')
return {1, owner and 1 or 0, redis.call('EXISTS', t.k .. ':off'), tonumber(m[1] or '0') - tonumber(m[2] or '0')}
`)

// Hold implements Queue.
func (q *Redis) Hold(ctx context.Context, begin bool) (State, error) {
	answer, err := q.run(ctx, holdScript, q.node, Lease.Milliseconds()).Int64Slice()
	if err != nil || len(answer) != 4 || answer[0] == 0 {
		return State{}, err
	}
	if begin {
		q.cursor = "0"
		if err := q.createGroup(ctx); err != nil {
			return State{}, err
		}
	} else if answer[1] == 0 {
		return State{}, nil // another node may have had the right meanwhile
	}
	return State{Held: true, Off: answer[2] == 1, Dropped: int(answer[3])}, nil
}

// createGroup makes the consumer group, unless it is there.
func (q *Redis) createGroup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := q.client.XGroupCreateMkStream(ctx, q.key("events"), notice.Group, "0").Err()
	if err != nil && strings.Contains(err.Error(), "BUSYGROUP") {
		return nil
	}
	return err
}

// Next implements Queue.
func (q *Redis) Next(ctx context.Context, limit int) ([]Event, error) {
	block := readWait
	if q.cursor != ">" {
		block = -1
	}
	call, cancel := context.WithTimeout(ctx, readWait+callTimeout)
	defer cancel()
	streams, err := q.client.XReadGroup(call, &redis.XReadGroupArgs{
		Group: notice.Group, Consumer: consumer, Streams: []string{q.key("events"), q.cursor}, Count: int64(limit), Block: block,
	}).Result()
	switch {
	case err != nil && strings.Contains(err.Error(), "NOGROUP"): // Redis has lost its data
		return nil, q.createGroup(ctx)
	case err != nil && !errors.Is(err, redis.Nil):
		return nil, err
	}
	var list []Event
	var gone []string
	for _, stream := range streams {
		for i := range stream.Messages {
			m := &stream.Messages[i]
			if q.cursor != ">" {
				q.cursor = m.ID
			}
			if len(m.Values) == 0 {
				gone = append(gone, m.ID)
				continue
			}
			e := eventOf(m)
			e.Data = ""
			list = append(list, *e)
		}
	}
	if len(gone) > 0 {
		return list, q.client.XAck(call, q.key("events"), notice.Group, gone...).Err()
	}
	if len(list) == 0 {
		q.cursor = ">"
	}
	return list, nil
}

func eventOf(m *redis.XMessage) *Event {
	text := func(name string) string {
		value, _ := m.Values[name].(string)
		return value
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(text(name), 10, 64) // scripts write whole numbers
		return n
	}
	return &Event{Pos: m.ID, ID: text("id"), Kind: text("kind"), At: number("at"), Seq: number("seq"), Subject: text("key"), Fold: text("fold"), Data: text("data")}
}

// Load implements Queue.
func (q *Redis) Load(ctx context.Context, events []*Event) ([]*Event, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	cmds := make([]*redis.XMessageSliceCmd, len(events))
	if _, err := q.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, e := range events {
			cmds[i] = p.XRange(ctx, q.key("events"), e.Pos, e.Pos)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	loaded := make([]*Event, len(events))
	for i, cmd := range cmds {
		if found := cmd.Val(); len(found) == 1 {
			loaded[i] = eventOf(&found[0])
		}
	}
	return loaded, nil
}

// settleScript: ARGV 1 target, 2 positions of what was delivered, 3 of what was folded, as JSON, 4 dead events as JSON
// {pos, id, died, text}, 5 failure, 6 whether the target is off, 7 how many dropped events it is told of, 8 the time.
var settleScript = redis.NewScript(notice.PutLua + `
local t = cjson.decode(ARGV[1])
local M = t.k .. ':meta'
for _, kind in ipairs({{ARGV[2], 'delivered'}, {ARGV[3], 'folded'}}) do
	for _, pos in ipairs(cjson.decode(kind[1])) do
		if settle(t, pos) or kind[2] == 'delivered' then redis.call('HINCRBY', M, kind[2], 1) end
	end
end
for _, dead in ipairs(cjson.decode(ARGV[4])) do
	settle(t, dead.pos)
	redis.call('HSET', t.k .. ':dead', dead.id, dead.text)
	redis.call('ZADD', t.k .. ':died', ARGV[8], dead.id)
end
if ARGV[4] ~= '[]' then
	local over = redis.call('ZRANGEBYSCORE', t.k .. ':died', '-inf', string.format('%.0f', tonumber(ARGV[8]) - ` + fmt.Sprint(deadFor.Milliseconds()) + `), 'LIMIT', 0, 1000)
	local most = redis.call('ZCARD', t.k .. ':died') - ` + strconv.Itoa(deadMost) + `
	if #over == 0 and most > 0 then over = redis.call('ZRANGE', t.k .. ':died', 0, most - 1) end
	for _, id in ipairs(over) do
		redis.call('HDEL', t.k .. ':dead', id)
		redis.call('ZREM', t.k .. ':died', id)
	end
end
if ARGV[5] ~= '' then
	redis.call('HSET', M, 'error', ARGV[5], 'error_at', ARGV[8])
	redis.call('HINCRBY', M, 'failed', 1)
end
if ARGV[6] == '1' then redis.call('SET', t.k .. ':off', ARGV[8], 'NX') end
if ARGV[7] ~= '0' and redis.call('XLEN', t.k .. ':events') < t.m then -- else it would take the place of another one
	redis.call('HINCRBY', M, 'told', ARGV[7])
	local seq = redis.call('HINCRBY', M, 'own', 1)
	put(t, {id = 'evt_' .. redis.sha1hex(t.k .. '\0' .. seq .. '\0' .. ARGV[8]), kind = 'webhook.dropped', at = ARGV[8], seq = seq, key = '', fold = '', data = '"count":' .. ARGV[7]})
end
return 1
`)

// deadText is a dead event as Redis keeps it.
type deadText struct {
	Event
	Died   int64
	Reason string
}

// Settle implements Queue.
func (q *Redis) Settle(ctx context.Context, o *Outcome) error {
	type dead struct {
		Pos  string `json:"pos"`
		ID   string `json:"id"`
		Text string `json:"text"`
	}
	now := time.Now().UnixMilli()
	given := make([]dead, len(o.Dead))
	for i, e := range o.Dead {
		text, err := json.Marshal(deadText{*e, now, o.Failure})
		if err != nil {
			return err
		}
		given[i] = dead{e.Pos, e.ID, string(text)}
	}
	list, err := json.Marshal(given)
	if err != nil {
		return err
	}
	off := 0
	if o.Off {
		off = 1
	}
	return q.run(ctx, settleScript, positions(o.Delivered), positions(o.Folded), list, o.Failure, off, o.Told, now).Err()
}

func positions(events []*Event) []byte {
	list := make([]string, len(events))
	for i, e := range events {
		list[i] = e.Pos
	}
	text, _ := json.Marshal(list) // it cannot fail: there are texts
	return text
}

// releaseScript: ARGV 1 target, 2 node.
var releaseScript = redis.NewScript(`
local t = cjson.decode(ARGV[1])
if redis.call('GET', t.k .. ':owner') == ARGV[2] then redis.call('DEL', t.k .. ':owner') end
return 1
`)

// Release implements Queue.
func (q *Redis) Release(ctx context.Context) error { return q.run(ctx, releaseScript, q.node).Err() }
