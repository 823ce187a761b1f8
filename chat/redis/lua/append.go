package lua

import "github.com/redis/go-redis/v9"

// Append adds a message. KEYS 2 the markers of the sender, if it moves the sender's marker; ARGV 1 epoch for a new log, "" when it may
// not begin, 2 messages, 3 age, 4 bytes, 5 id, 6 user, 7 digest, 8 how long the id is remembered, 0 for an id that nobody
// can send again, 9 how many ids of trimmed messages, 10 rest of the record, 11 rest of the head, 12 value, 13 milliseconds of
// slow mode or 0, 14 the log, 15 the most markers, 16 number of mentions and the mentions, number of channels and the
// channels, then the members of a notice and who is told.
//
// It trims when there are a few more messages than the bounds say: what reads trims exactly.
var Append = redis.NewScript(stateLua + `
local id, user, keep = ARGV[5], ARGV[6], tonumber(ARGV[8])
if keep > 0 then
	local known = redis.call('HGET', ki, id)
	if known then
		local s, p, at, digest, by = string.match(known, '^(%d+) (%d+) (%d+) (%S*) (.*)$')
		if tonumber(s) >= first or tonumber(at) + keep > now then
			if digest == ARGV[7] and by == user then return {'repeated', at, s, p, epoch, 0, 0} end
			return {'conflict'}
		end
	end
end
if ARGV[13] ~= '0' then
	local wait = redis.call('PTTL', K .. ':t:' .. user)
	if wait > 0 then return {'slow', wait} end
end
local created = 0
if pos == 0 then
	if ARGV[1] == '' then return {'new'} end
	if epoch == '' then epoch = ARGV[1] end
	created = 1
	redis.call('DEL', km, ki, kq, kc, kn, kp) -- of a log that is gone
	redis.call('PERSIST', K)
end
if ARGV[13] ~= '0' then redis.call('SET', K .. ':t:' .. user, '1', 'PX', ARGV[13]) end
local most, age, size = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
pos, seq, last = pos + 1, seq + 1, math.max(now, last)
if first == seq then fat = last end
local pt, st, at = text(pos), text(seq), text(last)
local head = '{"id":"' .. id .. '","seq":' .. st .. ',"pos":' .. pt .. ',"at":' .. at .. ARGV[11]
bytes = bytes + #head + 1 + #ARGV[12]
redis.call('HSET', km, st, head .. '\n' .. ARGV[12])
redis.call('HSET', ki, id, st .. ' ' .. pt .. ' ' .. at .. ' ' .. ARGV[7] .. ' ' .. user)
local n, i = tonumber(ARGV[16]), 17
if n > 0 then
	for j = i, i + n - 1 do redis.call('ZADD', kn, 0, ARGV[j] .. '\0' .. string.format('%016.0f', seq)) end
	if age > 0 then redis.call('PEXPIRE', kn, text(math.floor(age * 1.2) + 600000)) end
	i = i + n
end
if most > 0 and seq - first >= most + math.min(64, math.floor(most / 16))
	or size > 0 and bytes > size + math.min(262144, size / 16)
	or age > 0 and fat + age + math.min(60000, age / 16) < now
	or seq % 256 == 0 then` + functionsLua + `
	trim(most, age, size, keep)
	forget(keep, tonumber(ARGV[9]))
end
local lives = age > 0 and touched + age / 10 <= now
if lives then touched = now end
redis.call('HSET', K, 'epoch', epoch, 'end', pt .. ' ' .. st .. ' ' .. text(first) .. ' ' .. text(fat) .. ' ' .. text(bytes) .. ' ' .. at .. ' ' .. text(touched))
if lives then
	for _, key in ipairs({K, km, ki, kq, kc, kn, kp}) do redis.call('PEXPIRE', key, text(math.floor(age * 1.2) + 600000)) end
end
if KEYS[2] and redis.call('HSET', KEYS[2], ARGV[14], epoch .. ' ' .. st) == 1 and redis.call('HLEN', KEYS[2]) > tonumber(ARGV[15]) then
	redis.call('HDEL', KEYS[2], ARGV[14])
end
local payload = '{"kind":"message","epoch":"' .. epoch .. '","pos":' .. pt .. ',"head":' .. st .. ',"now":' .. at .. ARGV[10] .. '\n' .. head .. '\n' .. ARGV[12]
n = tonumber(ARGV[i])
for j = i + 1, i + n do redis.call('PUBLISH', ARGV[j], payload) end
i = i + n + 1
if ARGV[i] ~= '' then` + messageLua + `
	tellMessage('message.published', ARGV[i], ',"at":' .. at, seq)
end
return {'ok', at, st, pt, epoch, created, lives and 1 or 0}
`)
