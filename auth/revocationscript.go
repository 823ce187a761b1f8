package auth

import "github.com/redis/go-redis/v9"

// revocationLua is common to the scripts. KEYS are the hash of entries and the sorted set of the times at
// which they end; ARGV[1] is the channel. What is stored and cannot be read counts as nothing. newer is
// that of revocationEntry.
const revocationLua = `
local function parse(text)
	if not text then return nil end
	local state, at, till, before = string.match(text, '^([ru]) (%d+) (%d+) (%d+)$')
	if not state or #at > 16 or #till > 16 or #before > 16 then return nil end
	local e = {state = state, at = tonumber(at), till = tonumber(till), before = tonumber(before)}
	if e.at >= 9e15 or e.till > 253402300799000 or e.before > 253402300799001 then return nil end
	return e
end
local function newer(a, b)
	if a.at ~= b.at then return a.at > b.at end
	if a.state ~= b.state then return a.state == 'r' end
	if a.before ~= b.before then return a.before > b.before end
	return a.till > b.till
end
local function last(field, text)
	local stored, other = parse(redis.call('HGET', KEYS[1], field)), parse(text)
	if not stored or (other and newer(other, stored)) then return other, stored end
	return stored, stored
end
local function put(field, e)
	local text = string.format('%s %.0f %.0f %.0f', e.state, e.at, e.till, e.before)
	redis.call('HSET', KEYS[1], field, text)
	redis.call('ZADD', KEYS[2], string.format('%.0f', e.till), field)
	redis.call('PUBLISH', ARGV[1], text .. ' ' .. field)
	return text
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1e6 + tonumber(time[2])
local past = math.min(now / 1000, tonumber(ARGV[2]))
local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', math.floor(past)), 'LIMIT', 0, 1000)
if #ended > 0 then
	redis.call('HDEL', KEYS[1], unpack(ended))
	redis.call('ZREM', KEYS[2], unpack(ended))
end
`

// sayScript makes a new entry the last word, as revocationEntry.over does, and returns it as it is
// stored. ARGV: the channel, the time, the key, the state, until, before, and what the caller knows of the key: Redis
// may just have lost it. The time is that of Redis, so that the clocks of the nodes do not matter.
var sayScript = redis.NewScript(revocationLua + `
local field, e = ARGV[3], {state = ARGV[4], till = tonumber(ARGV[5]), before = tonumber(ARGV[6]), at = now}
local old = last(field, ARGV[7])
if old then
	e.at = math.max(now, old.at + 1)
	if e.state == 'r' and old.state == 'r' and old.till > past then
		e.till = math.max(e.till, old.till)
		e.before = math.max(e.before, old.before)
	end
end
return put(field, e)
`)

// mergeScript stores and publishes the entries of a node that are newer than those in Redis. ARGV: the
// channel, the time, then key and entry by turns.
var mergeScript = redis.NewScript(revocationLua + `
local written = 0
for i = 3, #ARGV, 2 do
	local e, stored = last(ARGV[i], ARGV[i + 1])
	if e and e ~= stored then
		put(ARGV[i], e)
		written = written + 1
	end
end
return written
`)
