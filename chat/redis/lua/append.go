package lua

import "github.com/redis/go-redis/v9"

// Append adds messages to a log. ARGV 1 epoch for a new log, "" when it may not begin, 2 messages, 3 age, 4 bytes, 5 how many
// ids of trimmed messages, 6 the log, 7 the most markers, 8 how long ids are remembered, 9 number of messages. Then for each: the index in KEYS of the
// markers of the sender, 0 when none moves, id, user, digest, how long the id is remembered, 0 for an id that nobody can send
// again, rest of the record, rest of the head, value, milliseconds of slow mode or 0, number of mentions and the mentions,
// number of channels and the channels, members of a notice. The last says which back ends receive the notice.
// The answer has for each message the outcome, time, seq, position, epoch, and whether the log began and lives on.
//
// It trims when there are a few more messages than the bounds say: what reads trims exactly.
var Append = redis.NewScript(stateLua + `
local most, age, size, count = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[9])
local answers, lines, ids, fresh, marks, told = {}, {}, {}, {}, {}, {}
local created, longest, begun, i = 0, tonumber(ARGV[8]), seq, 10
local function add(mark, id, user, digest, keep, record, rest, value, slow)
	longest = math.max(longest, keep)
	if keep > 0 then
		local known = fresh[id]
		if known then
			local s, p, at, other, by = string.match(known, '^(%d+) (%d+) (%d+) (%S*) (.*)$')
			if tonumber(s) >= first or tonumber(at) + keep > now then
				if other == digest and by == user then return {'repeated', at, s, p, epoch, 0, 0} end
				return {'conflict'}
			end
		end
	end
	if slow ~= '0' then
		local wait = redis.call('PTTL', K .. ':t:' .. user)
		if wait > 0 then return {'slow', wait} end
	end
	if pos == 0 then
		if ARGV[1] == '' then return {'new'} end
		if epoch == '' then epoch = ARGV[1] end
		created = 1
		redis.call('DEL', km, ki, kq, kc, kn, kp) -- of a log that is gone
		redis.call('PERSIST', K)
	end
	if slow ~= '0' then redis.call('SET', K .. ':t:' .. user, '1', 'PX', slow) end
	pos, seq, last = pos + 1, seq + 1, math.max(now, last)
	if first == seq then fat = last end
	local pt, st, at = text(pos), text(seq), text(last)
	local head = '{"id":"' .. id .. '","seq":' .. st .. ',"pos":' .. pt .. ',"at":' .. at .. rest
	local line = head .. '\n' .. value
	bytes = bytes + #line
	lines[#lines + 1], lines[#lines + 2] = st, line
	fresh[id] = st .. ' ' .. pt .. ' ' .. at .. ' ' .. digest .. ' ' .. user
	ids[#ids + 1], ids[#ids + 2] = id, fresh[id]
	if mark ~= '0' then marks[KEYS[tonumber(mark)]] = st end
	local payload = '{"kind":"message","epoch":"' .. epoch .. '","pos":' .. pt .. ',"head":' .. st .. ',"now":' .. at .. record .. '\n' .. line
	return {'ok', at, st, pt, epoch, 0, 0}, payload
end
local tell
if ARGV[#ARGV] ~= '' then` + messageLua + `
	tell = tellMessage
end
local names, at = {}, i
for _ = 1, count do
	if ARGV[at + 4] ~= '0' then names[#names + 1] = ARGV[at + 1] end
	at = at + 9
	at = at + tonumber(ARGV[at]) + 1
	at = at + tonumber(ARGV[at]) + 2
end
if #names > 0 then
	for n, known in ipairs(redis.call('HMGET', ki, unpack(names))) do fresh[names[n]] = known end
end
for m = 1, count do
	local answer, payload = add(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], tonumber(ARGV[i + 4]), ARGV[i + 5], ARGV[i + 6], ARGV[i + 7], ARGV[i + 8])
	answers[m] = answer
	i = i + 9
	local n = tonumber(ARGV[i])
	if payload then
		for j = i + 1, i + n do redis.call('ZADD', kn, 0, ARGV[j] .. '\0' .. string.format('%016.0f', seq)) end
		if n > 0 and age > 0 then redis.call('PEXPIRE', kn, text(math.floor(age * 1.2) + 600000)) end
	end
	i = i + n + 1
	n = tonumber(ARGV[i])
	if payload then
		for j = i + 1, i + n do told[#told + 1] = {ARGV[j], payload} end
	end
	i = i + n + 1
	if payload and tell and ARGV[i] ~= '' then tell('message.published', ARGV[i], ',"at":' .. text(last), seq) end
	i = i + 1
end
if seq == begun then return answers end
redis.call('HSET', km, unpack(lines))
redis.call('HSET', ki, unpack(ids))
if most > 0 and seq - first >= most + math.min(64, math.floor(most / 16))
	or size > 0 and bytes > size + math.min(262144, size / 16)
	or age > 0 and fat + age + math.min(60000, age / 16) < now
	or math.floor(seq / 256) > math.floor(begun / 256) then` + functionsLua + `
	trim(most, age, size, longest)
	forget(longest, tonumber(ARGV[5]))
end
local lives = age > 0 and touched + age / 10 <= now
if lives then touched = now end
redis.call('HSET', K, 'epoch', epoch, 'end', text(pos) .. ' ' .. text(seq) .. ' ' .. text(first) .. ' ' .. text(fat) .. ' ' .. text(bytes) .. ' ' .. text(last) .. ' ' .. text(touched))
if lives then
	for _, key in ipairs({K, km, ki, kq, kc, kn, kp}) do redis.call('PEXPIRE', key, text(math.floor(age * 1.2) + 600000)) end
end
for key, st in pairs(marks) do
	if redis.call('HSET', key, ARGV[6], epoch .. ' ' .. st) == 1 and redis.call('HLEN', key) > tonumber(ARGV[7]) then
		redis.call('HDEL', key, ARGV[6])
	end
end
for _, one in ipairs(told) do redis.call('PUBLISH', one[1], one[2]) end
for _, answer in ipairs(answers) do
	if answer[1] == 'ok' then
		answer[6], answer[7] = created, lives and 1 or 0
		break
	end
end
return answers
`)
