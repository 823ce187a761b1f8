package limit

import "github.com/redis/go-redis/v9"

// For each subject there is a sorted set of its connections, "LEASE/NUMBER" with the microsecond at which each came in.
// LEASE is that of the node in the registry; a connection under a lease that has ended counts no more. All times are
// those of Redis.

// placeScript gives a connection a place in the set of its subject, KEYS[1]. Without a connection it only keeps the
// policy. ARGV: how many milliseconds the set lives, the most connections, the policy, the channel, the connection or
// empty, "judged" when the caller has looked at the members, and the members that count no more.
// The answer is {"in", since}, {"full"}, or {"full", member, ...} when the caller has to look at them first.
var placeScript = redis.NewScript(`
local ttl, most, refuse, channel, own, judged = ARGV[1], tonumber(ARGV[2]), ARGV[3] == 'refuse', ARGV[4], ARGV[5], ARGV[6] == 'judged'
for i = 7, #ARGV do redis.call('ZREM', KEYS[1], ARGV[i]) end
local before = most
if own ~= '' then before = most - 1 end
local n = redis.call('ZCARD', KEYS[1])
if n > before then
	if not judged then
		local answer = redis.call('ZRANGE', KEYS[1], 0, -1)
		table.insert(answer, 1, 'full')
		return answer
	end
	if refuse then return {'full'} end
	for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, n - before - 1)) do
		redis.call('ZREM', KEYS[1], member)
		redis.call('PUBLISH', channel, member)
	end
end
local time = redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1e6 + tonumber(time[2]))
if own ~= '' then
	redis.call('ZADD', KEYS[1], now, own)
	redis.call('PEXPIRE', KEYS[1], ttl)
end
return {'in', now}
`)

// registerScript tells Redis about connections that are in already. KEYS are the sets of their subjects, ARGV how many
// milliseconds a set lives and the most connections, then the connection and its time by turns. The answer is the
// positions, from 0, of the sets that have too many.
var registerScript = redis.NewScript(`
local full = {}
for i = 1, #KEYS do
	redis.call('ZADD', KEYS[i], ARGV[2 * i + 2], ARGV[2 * i + 1])
	redis.call('PEXPIRE', KEYS[i], ARGV[1])
	if redis.call('ZCARD', KEYS[i]) > tonumber(ARGV[2]) then full[#full + 1] = i - 1 end
end
return full
`)
