package registry

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Stats are counters. They only grow.
type Stats struct {
	Errors atomic.Uint64 // renewals that failed
	Lost   atomic.Uint64 // leases that this node lost and took again under another name
}

// callTimeout bounds a call of Redis.
const callTimeout = time.Second

// keptFor is how long Redis keeps the names of a cluster that has ended.
const keptFor = time.Hour

// renewScript renews a lease and returns the leases that are alive.
//
// KEYS[1] is the sorted set of the leases with the microsecond of their last renewal, KEYS[2] the hash of what the
// nodes say, with the epoch of the registry under the empty name. Both have one hash tag.
// ARGV: lease, node as JSON, term in microseconds, "1" for a new lease, an epoch in case there is none, and for how many
// milliseconds the keys live.
// The answer is {} for a lease that is lost, else {epoch, lease, node, ...}.
//
// When no lease was renewed for half a term, Redis was away and not the nodes. Then each lease gets a new term; otherwise
// the first node that comes back would take all others for dead.
var renewScript = redis.NewScript(`
local time = redis.call('TIME')
local now, term = tonumber(time[1]) * 1e6 + tonumber(time[2]), tonumber(ARGV[3])
local function text(n) return string.format('%.0f', n) end
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if newest[2] and now - tonumber(newest[2]) > term / 2 then
	for _, lease in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', KEYS[1], text(now), lease) end
end
for _, lease in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. text(now - term))) do
	redis.call('ZREM', KEYS[1], lease)
	redis.call('HDEL', KEYS[2], lease)
end
if ARGV[4] ~= '1' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return {} end
redis.call('HSETNX', KEYS[2], '', ARGV[5])
redis.call('ZADD', KEYS[1], text(now), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
local answer = {redis.call('HGET', KEYS[2], '')}
for _, lease in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
	answer[#answer + 1] = lease
	answer[#answer + 1] = redis.call('HGET', KEYS[2], lease) or ''
end
return answer
`)

// endScript gives a lease back.
var endScript = redis.NewScript(`
redis.call('ZREM', KEYS[1], ARGV[1])
return redis.call('HDEL', KEYS[2], ARGV[1])
`)

// keys returns the keys, which Redis Cluster keeps in one place.
func (r *Registry) keys() []string {
	tag := "{" + r.opts.Prefix + "-nodes}:"
	return []string{tag + "leases", tag + "nodes"}
}

// view is what the goroutine remembers of the last answer.
type view struct {
	epoch string
	until time.Time // leases that an older epoch had are kept until then
}

// run holds the lease. It is the only goroutine.
func (r *Registry) run(ctx context.Context) {
	defer close(r.ended)
	defer r.end() // the lease is given back when ctx has ended
	var v view
	timer := time.NewTimer(0)
	defer timer.Stop()
	fresh, failing := true, false // the lease is new; the last call failed
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.renew:
		}
		number := r.begin()
		lost, err := r.step(ctx, &v, fresh)
		r.finish(number, err == nil && !lost)
		wait := r.opts.Renewal
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			r.stats.Errors.Add(1)
			r.setKnown(false)
			if !failing { // one line for each outage
				r.opts.Logger.Warn("this node cannot renew its lease in Redis and tries again", slog.Any("error", err))
			}
		case lost:
			r.stats.Lost.Add(1)
			r.opts.Logger.Warn("Redis has lost the lease of this node; the node takes another one")
			r.takeAnother()
			fresh, wait = true, 0
		default:
			if failing {
				r.opts.Logger.Info("this node renews its lease again")
			}
			fresh = false
		}
		failing = err != nil
		timer.Reset(wait)
	}
}

// takeAnother gives this node another lease.
func (r *Registry) takeAnother() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.self.Lease = r.id + "-" + strings.ToLower(rand.Text()[:6])
	r.known = false
}

func (r *Registry) setKnown(known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = known
}

// step renews the lease once and tells the watchers what is new.
func (r *Registry) step(ctx context.Context, v *view, fresh bool) (lost bool, err error) {
	self := r.Self()
	payload, err := json.Marshal(record{Node: self, Secret: self.Key})
	if err != nil {
		return false, err
	}
	flag := "0"
	if fresh {
		flag = "1"
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := renewScript.Run(call, r.opts.Client, r.keys(),
		self.Lease, payload, r.opts.Term.Microseconds(), flag, rand.Text(), keptFor.Milliseconds()).StringSlice()
	switch {
	case err != nil:
		return false, err
	case len(answer) == 0:
		return true, nil
	case len(answer)%2 == 0:
		return false, errors.New("registry: redis gave an answer that makes no sense")
	}
	now := time.Now()
	if v.epoch != answer[0] { // Redis lost the leases: nodes that live come back with new ones
		if v.epoch != "" {
			v.until = now.Add(r.opts.Term)
		}
		v.epoch = answer[0]
	}
	r.apply(answer[1:], now.Before(v.until), fresh)
	return false, nil
}

// apply takes over the leases that Redis has, and tells the watchers. With keep, a node that is missing may still
// live: its lease stays until the node is seen with another one.
func (r *Registry) apply(answer []string, keep, renewed bool) {
	alive, ids := make(map[string]Node), make(map[string]bool)
	r.mu.Lock()
	for i := 0; i+1 < len(answer); i += 2 {
		var kept record
		if answer[i] == r.self.Lease || json.Unmarshal([]byte(answer[i+1]), &kept) != nil || kept.ID == r.id {
			continue
		}
		n := kept.Node
		n.Lease, n.Key = answer[i], kept.Secret
		alive[n.Lease], ids[n.ID] = n, true
	}
	change := Change{Self: renewed}
	for lease, n := range r.others {
		if _, ok := alive[lease]; ok {
			continue
		}
		if keep && !ids[n.ID] {
			alive[lease] = n
			continue
		}
		change.Left = append(change.Left, n)
	}
	for lease, n := range alive {
		if _, ok := r.others[lease]; !ok {
			change.Came = append(change.Came, n)
		}
	}
	r.others, r.known = alive, true
	var tell []func(Change)
	if len(change.Came) > 0 || len(change.Left) > 0 || change.Self {
		for _, fn := range r.watchers {
			tell = append(tell, fn)
		}
	}
	r.mu.Unlock()
	for _, fn := range tell {
		fn(change)
	}
}

// end gives the lease back.
func (r *Registry) end() {
	r.mu.Lock()
	lease := r.self.Lease
	r.known = false
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	_ = endScript.Run(ctx, r.opts.Client, r.keys(), lease).Err() // else the lease ends by itself
}
