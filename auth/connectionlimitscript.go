package auth

import "github.com/redis/go-redis/v9"

// limitLua is common to the scripts. For each subject there is a sorted set of its connections,
// "NODE/NUMBER" with the microsecond at which each came in; KEYS[1] is the sorted set of the nodes with the
// microsecond of the last sign of life. A connection of a node without one counts no more. All times are
// those of Redis.
// ARGV: after how many microseconds a node is dead, how many milliseconds a key lives, the most connections,
// the policy, the channel, the node.
const limitLua = `
local dead, ttl, most, refuse, channel, node = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4] == 'refuse', ARGV[5], ARGV[6]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1e6 + tonumber(time[2])
local function text(number) return string.format('%.0f', number) end
local function alive(name)
	local sign = redis.call('ZSCORE', KEYS[1], name)
	return sign and tonumber(sign) >= now - dead
end
local function count(key)
	local n = redis.call('ZCARD', key)
	if n < most then return n end
	for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
		if not alive(string.match(member, '^[^/]*')) then redis.call('ZREM', key, member) end
	end
	return redis.call('ZCARD', key)
end
local function close(key, n)
	for _, member in ipairs(redis.call('ZRANGE', key, 0, n - 1)) do
		redis.call('ZREM', key, member)
		redis.call('PUBLISH', channel, member)
	end
end
local function sign()
	redis.call('ZADD', KEYS[1], text(now), node)
	redis.call('PEXPIRE', KEYS[1], ttl)
end
`

// admitScript answers {"in", since}, {"full"}, or {"unknown"} to a node that counts as dead. KEYS[2] is
// the set of the subject, ARGV[7] the connection.
var admitScript = redis.NewScript(limitLua + `
if not alive(node) then return {'unknown'} end
local n = count(KEYS[2])
if n >= most then
	if refuse then return {'full'} end
	close(KEYS[2], n - most + 1)
end
redis.call('ZADD', KEYS[2], text(now), ARGV[7])
redis.call('PEXPIRE', KEYS[2], ttl)
return {'in', text(now)}
`)

// registerScript tells Redis about connections that are in already, and answers 0 to a node that counts as
// dead. From KEYS[2] on there is the set of a subject for each, from ARGV[7] on the connection and the time
// by turns.
var registerScript = redis.NewScript(limitLua + `
if not alive(node) then return 0 end
sign()
for i = 2, #KEYS do
	redis.call('ZADD', KEYS[i], ARGV[2 * i + 4], ARGV[2 * i + 3])
	redis.call('PEXPIRE', KEYS[i], ttl)
	if not refuse then
		local n = count(KEYS[i])
		if n > most then close(KEYS[i], n - most) end
	end
end
return 1
`)

// beatScript is a sign of life. It answers 0 to a node that counts as dead: others may have dropped its
// connections.
var beatScript = redis.NewScript(limitLua + `
if not alive(node) then return 0 end
sign()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. text(now - dead))
return 1
`)

// joinScript makes the node known. What Redis has of it under its former name, ARGV[7], counts no more.
var joinScript = redis.NewScript(limitLua + `
redis.call('ZREM', KEYS[1], ARGV[7])
sign()
return 1
`)
