package lua

import "github.com/redis/go-redis/v9"

// Page reads messages. ARGV 1 mode (newest, since, after, before), 2 to 4 the position, 5 limit, 6 bytes, 7 user, 8 messages, 9 age,
// 10 bytes of the log, 11 how long ids are remembered, 12 epoch for a log without a message yet, or "".
// The answer is epoch, pos, seq, missed, more, number of messages, number of changes, then raw and own reactions of each
// message and change, then "seq head id" and position of each message that was purged.
var Page = redis.NewScript(logLua + `
local mode, limit, size, user = ARGV[1], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local at, from = tonumber(ARGV[3]), tonumber(ARGV[4])
if pos == 0 then
	if epoch == '' and ARGV[12] ~= '' then
		epoch = ARGV[12]
		redis.call('HSET', K, 'epoch', epoch, 'end', '0 0 1 0 0 0 0')
		redis.call('PEXPIRE', K, 3600000)
	end
	return {epoch, '0', '0', (mode == 'newest' or at == 0) and 0 or 1, 0, 0, 0}
end
if trim(tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])) then save(0) end
local missed, more, step, s = 0, 0, 1, from + 1
if mode ~= 'newest' and at > 0 and (ARGV[2] ~= epoch or at > pos) then mode, missed = 'newest', 1 end
if mode == 'since' and at > 0 and at < tonumber(redis.call('HGET', K, 'gone') or '0') then mode, missed = 'newest', 1 end
if (mode == 'since' or mode == 'after') and from < first - 1 then mode, missed = 'newest', 1 end
if mode == 'newest' then s, step = seq, -1
elseif mode == 'before' then
	s, step = from, -1
	local raw = redis.call('HGET', km, text(s))
	if raw and tonumber(string.match(raw, '"pos":(%d+)')) >= at then s = s - 1 end
	if from < first then missed = 1 end
end
local found, taken, read = {}, 0, 0
local function mine(raw, s)
	if user == '' or not string.find(raw, '"rc":{', 1, true) then return '' end
	return own(cjson.decode((split(raw))), s, user)
end
while s >= first and s <= seq do
	local raw = redis.call('HGET', km, text(s))
	if raw then
		if #found >= limit or (#found > 0 and taken + #raw > size) then
			more = 1
			break
		end
		found[#found + 1], taken = {raw, s}, taken + #raw
	end
	s = s + step
end
local answer = {epoch, text(pos), text(seq), missed, more, #found, 0}
for n = 1, #found do
	local item = step > 0 and found[n] or found[#found + 1 - n]
	answer[#answer + 1] = item[1]
	answer[#answer + 1] = mine(item[1], item[2])
end
if mode == 'since' then
	local n, begun = 0, #answer
	local late = {} -- fragments of texts are told later than what came after them: who left in between has them not
	if at > 0 then late = redis.call('ZRANGEBYSCORE', kc, text(at - 256), text(at)) end
	local behind = #late
	for _, name in ipairs(redis.call('ZRANGEBYSCORE', kc, '(' .. text(at), '+inf')) do late[#late + 1] = name end
	for j, name in ipairs(late) do
		local raw = tonumber(name) <= from and redis.call('HGET', km, name)
		if raw and j <= behind and not string.find(split(raw), '"text":true', 1, true) then raw = nil end
		if raw then
			n, taken = n + 1, taken + #raw
			if n > 1000 or taken > 4 * size then -- too much: the client begins again
				answer[4] = 1
				for j = #answer, begun + 1, -1 do answer[j] = nil end
				n = 0
				break
			end
			answer[#answer + 1] = raw
			answer[#answer + 1] = mine(raw, tonumber(name))
		end
	end
	answer[7] = n
	if answer[4] == 0 and at > 0 then
		local purged = redis.call('ZRANGEBYSCORE', kp, '(' .. text(at), '+inf', 'WITHSCORES')
		for j = 1, #purged, 2 do
			if tonumber(string.match(purged[j], '^%d+')) <= from then
				answer[#answer + 1] = purged[j]
				answer[#answer + 1] = purged[j + 1]
			end
		end
	end
end
return answer
`)
