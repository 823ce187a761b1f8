package revocation

import "github.com/redis/go-redis/v9"

// exchangeScript reads entries, and replaces those that are still as the caller has read them. Which of two entries
// counts is decided in Go, see Entry.Over and Entry.Newer.
//
// KEYS are the hash of entries and the sorted set of the times at which they end. ARGV: the channel, the time in
// milliseconds, then for each entry its field, its expected text (empty for none), its new text (empty to read alone)
// and its end. The answer is the time of Redis in microseconds, then the text of each entry as it is now.
//
// Entries end by the earlier one of the two clocks. The time of Redis orders entries, so that the clocks of the nodes do
// not matter.
var exchangeScript = redis.NewScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1e6 + tonumber(time[2])
local past = string.format('%.0f', math.floor(math.min(now / 1000, tonumber(ARGV[2]))))
local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', past, 'LIMIT', 0, 1000)
if #ended > 0 then
	redis.call('HDEL', KEYS[1], unpack(ended))
	redis.call('ZREM', KEYS[2], unpack(ended))
end
local answer = {string.format('%.0f', now)}
for i = 3, #ARGV, 4 do
	local field, expected, text, till = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
	local stored = redis.call('HGET', KEYS[1], field) or ''
	if text ~= '' and stored == expected then
		redis.call('HSET', KEYS[1], field, text)
		redis.call('ZADD', KEYS[2], till, field)
		redis.call('PUBLISH', ARGV[1], text .. ' ' .. field)
		stored = text
	end
	answer[#answer + 1] = stored
end
return answer
`)
