package redis

import (
	"chorus/chat/notice"

	"github.com/redis/go-redis/v9"
)

// The keys of a log begin with KEYS[1], a hash: epoch; end, which are the numbers pos, seq, first (the oldest seq that is
// kept), fat (its time), bytes, last (time of the newest message) and touched (when the keys were told to live on); was, the
// epoch before the log was purged as a whole; gone, the position of the last purge that :p has forgotten. A log without a
// message yet has an epoch for a while, so that a client can ask later for what came since.
//
//	:m  hash   seq -> head "\n" value of each message in its latest state; the head is JSON
//	:i  hash   id -> "seq pos at digest user", the memory for idempotency
//	:q  list   "at id" of messages that were trimmed while their ids are to be remembered
//	:c  zset   seq of each changed message by the position of its last change
//	:n  zset   "user \0 seq" of each mention, seq with leading zeros, all with the score 0
//	:r:SEQ hash "key \0 user" of each reaction
//	:p  zset   "seq head id" of each purged message by the position of the purge, so that a node or client that was away hears of it
//	:t:USER    exists while the user has to wait in slow mode
//
// All of a log is in one slot of a Redis Cluster.
const logLua = stateLua + functionsLua

// stateLua reads the state of a log.
const stateLua = `
local K = KEYS[1]
local km, ki, kq, kc, kn, kp = K .. ':m', K .. ':i', K .. ':q', K .. ':c', K .. ':n', K .. ':p'
local text = tostring -- Lua writes whole numbers of up to 14 digits in full
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local h = redis.call('HMGET', K, 'epoch', 'end')
local epoch, pos, seq, first, fat, bytes, last, touched = h[1] or '', 0, 0, 1, 0, 0, 0, 0
if h[2] then
	pos, seq, first, fat, bytes, last, touched = string.match(h[2], '(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)')
	pos, seq, first, fat, bytes, last, touched = tonumber(pos), tonumber(seq), tonumber(first), tonumber(fat), tonumber(bytes), tonumber(last), tonumber(touched)
end
`

// functionsLua is behind stateLua. It is apart because to make the functions costs time, which most messages do not need.
const functionsLua = `
local function split(raw)
	local at = string.find(raw, '\n', 1, true)
	return string.sub(raw, 1, at - 1), string.sub(raw, at + 1)
end
local function mention(user, s) return user .. '\0' .. string.format('%016.0f', s) end
local function unmention(head, s)
	if not string.find(head, '"mentions":[', 1, true) then return end
	for _, user in ipairs(cjson.decode(head).mentions) do redis.call('ZREM', kn, mention(user, s)) end
end

-- drop removes a message, and reports whether it was there. Its id is remembered for the time keep.
local function drop(s, keep)
	local raw = redis.call('HGET', km, text(s))
	if not raw then return false end
	local head = split(raw)
	bytes = bytes - #raw
	redis.call('HDEL', km, text(s))
	if string.find(head, '"cpos":', 1, true) then redis.call('ZREM', kc, text(s)) end
	unmention(head, s)
	if string.find(head, '"rc":{', 1, true) then redis.call('DEL', K .. ':r:' .. text(s)) end
	local id, at = string.match(head, '"id":"([%w_.-]+)"'), tonumber(string.match(head, '"at":(%d+)'))
	if keep > 0 and at + keep > now and string.find(head, '"chosen":true', 1, true) then
		if redis.call('RPUSH', kq, text(at) .. ' ' .. id) % 100 == 1 then redis.call('PEXPIRE', kq, text(2 * keep + 600000)) end
	else
		redis.call('HDEL', ki, id)
	end
	return true
end

-- trim keeps the bounds: messages, age in milliseconds, bytes. It drops 1,000 messages at most, which are more than come in.
local function trim(most, age, size, keep)
	local n, begun = redis.call('HLEN', km), first
	for _ = 1, 1000 do
		if first > seq then break end
		local old = age > 0 and fat + age < now
		if not (old or most > 0 and n > most or size > 0 and bytes > size and first < seq) then break end
		if drop(first, keep) then n = n - 1 end
		first = first + 1
		if age > 0 then
			local raw = redis.call('HGET', km, text(first))
			while not raw and first < seq do -- purged
				first = first + 1
				raw = redis.call('HGET', km, text(first))
			end
			if raw then fat = tonumber(string.match(raw, '"at":(%d+)')) end
		end
	end
	return first ~= begun
end

-- forget ends the memory of ids of trimmed messages: those older than keep, and the oldest of more than most.
local function forget(keep, most)
	local n = redis.call('LLEN', kq)
	for _ = 1, math.min(n, 100) do
		local item = redis.call('LINDEX', kq, 0)
		local at, id = string.match(item, '^(%d+) (.*)$')
		if n <= most and tonumber(at) + keep > now then break end
		redis.call('LPOP', kq)
		n = n - 1
		local s = redis.call('HGET', ki, id)
		if s and tonumber(string.match(s, '^%d+')) < first then redis.call('HDEL', ki, id) end
	end
end

-- seqOf returns the seq of the message with an id, or nil.
local function seqOf(id)
	local s = string.match(redis.call('HGET', ki, id) or '', '^(%d+) ')
	return s and tonumber(s)
end

-- own returns the keys with which a user has reacted to a message.
local function own(head, s, user)
	local keys = {}
	for key in pairs(head.rc or {}) do
		if redis.call('HEXISTS', K .. ':r:' .. text(s), key .. '\0' .. user) == 1 then keys[#keys + 1] = key end
	end
	return table.concat(keys, '\0')
end

-- save writes the end of the log back; with an age the keys end with their last message.
local function save(age)
	local lives = age > 0 and touched + age / 10 <= now
	if lives then touched = now end
	redis.call('HSET', K, 'epoch', epoch, 'end', pos .. ' ' .. seq .. ' ' .. first .. ' ' .. fat .. ' ' .. bytes .. ' ' .. last .. ' ' .. touched)
	if not lives then return 0 end
	for _, key in ipairs({K, km, ki, kq, kc, kn, kp}) do redis.call('PEXPIRE', key, text(math.floor(age * 1.2) + 600000)) end
	return 1
end

-- publish tells the followers of the topics, which begin at ARGV[i] behind their number.
local function publish(i, kind, rest, head, value)
	local payload = '{"kind":"' .. kind .. '","epoch":"' .. epoch .. '","pos":' .. text(pos) .. ',"head":' .. text(seq) .. ',"now":' .. text(math.max(now, last)) .. rest .. '\n' .. head .. '\n' .. value
	for j = i + 1, i + tonumber(ARGV[i]) do redis.call('PUBLISH', ARGV[j], payload) end
	return i + tonumber(ARGV[i]) + 1
end

-- add appends a message.
local function add(id, user, digest, rest, value, mentions)
	pos, seq, last = pos + 1, seq + 1, math.max(now, last)
	if first == seq then fat = last end
	local head = '{"id":"' .. id .. '","seq":' .. text(seq) .. ',"pos":' .. text(pos) .. ',"at":' .. text(last) .. rest
	bytes = bytes + #head + 1 + #value
	redis.call('HSET', km, text(seq), head .. '\n' .. value)
	redis.call('HSET', ki, id, text(seq) .. ' ' .. text(pos) .. ' ' .. text(last) .. ' ' .. digest .. ' ' .. user)
	for _, name in ipairs(mentions) do redis.call('ZADD', kn, 0, mention(name, seq)) end
	return head
end
`

// messageLua is the function tellMessage, which tells back ends of a message: members are those of the notice up to the end
// of the message, which follow. It is made only where somebody is told.
const messageLua = `
local tellMessage = function() end
if ARGV[#ARGV] ~= '' then` + notice.Lua + `
	local function base36(n)
		local digits = ''
		repeat
			local d = n % 36
			digits = string.sub('0123456789abcdefghijklmnopqrstuvwxyz', d + 1, d + 1) .. digits
			n = (n - d) / 36
		until n == 0
		return digits
	end
	tellMessage = function(kind, members, rest, s)
		if members == '' then return end
		local cursor = epoch .. '-' .. base36(pos) .. '-' .. base36(seq)
		tell(kind, '', members .. rest .. ',"seq":' .. text(s) .. ',"cursor":"' .. cursor .. '"}')
	end
end
`

// appendScript: KEYS 2 the markers of the sender, if it moves the sender's marker; ARGV 1 epoch for a new log, "" when it may
// not begin, 2 messages, 3 age, 4 bytes, 5 id, 6 user, 7 digest, 8 how long the id is remembered, 0 for an id that nobody
// can send again, 9 how many ids of trimmed messages, 10 rest of the record, 11 rest of the head, 12 value, 13 milliseconds of
// slow mode or 0, 14 the log, 15 the most markers, 16 number of mentions and the mentions, number of channels and the
// channels, then the members of a notice and who is told.
//
// It trims when there are a few more messages than the bounds say: what reads trims exactly.
var appendScript = redis.NewScript(stateLua + `
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

// changeScript: ARGV 1 kind, 2 id, 3 user, 4 "1" for a moderator, 5 epoch for a new log, 6 messages, 7 age, 8 bytes, 9 how
// long ids are remembered, 10 rest of the record, 11 number of channels and the channels, then what the kind needs:
// edit: value, attach, version; react: key, "1" for on, most keys, most reactions;
// extend: fragment, length, done, cancel, most bytes, rest of the head of a new message;
// all: at the end the members of a notice and who is told.
// The answer is the outcome, the head, the offset or count, pos, head seq, epoch, created, lives.
var changeScript = redis.NewScript(logLua + messageLua + `
local kind, id, user, moderator = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local most, age, size, keep = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local i = 12 + tonumber(ARGV[11])
local s = seqOf(id)
local raw = s and redis.call('HGET', km, text(s))
if not raw then
	if kind ~= 'extend' or s then return {'not_found'} end
	local created = 0
	if pos == 0 then
		if ARGV[5] == '' then return {'new'} end
		if epoch == '' then epoch = ARGV[5] end
		created = 1
	end
	if #ARGV[i] > tonumber(ARGV[i + 4]) then return {'too_large'} end
	if created == 1 then
		redis.call('DEL', km, ki, kq, kc, kn, kp)
		redis.call('PERSIST', K)
	end
	local head = add(id, user, '-', ARGV[i + 5], ARGV[i], {})
	trim(most, age, size, keep)
	local lives = save(age)
	publish(11, kind, ARGV[10] .. ',"offset":0}', head, ARGV[i])
	if ARGV[i + 2] == '1' or ARGV[i + 3] == '1' then
		tellMessage('message.published', ARGV[#ARGV - 1], ',"value":' .. cjson.encode(ARGV[i]) .. ',"at":' .. text(last), seq)
	end
	return {'ok', head, 0, text(pos), text(seq), epoch, '', created, lives}
end
local line, value = split(raw)
local head = cjson.decode(line)
local function noop(extra) return {'noop', line, extra, text(head.cpos or head.pos), text(head.chead or head.seq), epoch, kind == 'react' and own(head, s, user) or '', 0, 0} end
if kind ~= 'react' and (head.user or '') ~= user and not ((kind == 'edit' or kind == 'delete') and moderator) then return {'not_owner'} end
local shown, extra, rest = '', 0, ''
if kind == 'edit' then
	if head.deleted then return {'not_found'} end
	local version = head.version or 1
	if tonumber(ARGV[i + 2]) > 0 and tonumber(ARGV[i + 2]) ~= version then return {'conflict', version} end
	if head.open then return {'conflict', version} end
	value, shown = ARGV[i], ARGV[i]
	head.version, head.edited, head.by, head.text, head.len = version + 1, math.max(now, last), user, nil, nil
	head.attach = ARGV[i + 1] == '1' or nil
elseif kind == 'delete' then
	if head.deleted then return noop(0) end
	unmention(line, s)
	if head.rc then redis.call('DEL', K .. ':r:' .. text(s)) end
	value = ''
	head.deleted, head.edited, head.by = true, math.max(now, last), user
	head.rc, head.mentions, head.attach, head.text, head.open, head.len, head.cancelled = nil, nil, nil, nil, nil, nil, nil
elseif kind == 'react' then
	if head.deleted then return {'not_found'} end
	local key, kr, rc = ARGV[i], K .. ':r:' .. text(s), head.rc or {}
	local member, count, n = key .. '\0' .. user, rc[key] or 0, 0
	for _ in pairs(rc) do n = n + 1 end
	local on = ARGV[i + 1] == '1'
	if on == (redis.call('HEXISTS', kr, member) == 1) then return noop(count) end
	if on then
		if count == 0 and n >= tonumber(ARGV[i + 2]) or redis.call('HLEN', kr) >= tonumber(ARGV[i + 3]) then return {'limit'} end
		redis.call('HSET', kr, member, '1')
		if age > 0 then redis.call('PEXPIRE', kr, text(math.floor(age * 1.2) + 600000)) end
		rc[key] = count + 1
	else
		redis.call('HDEL', kr, member)
		rc[key] = count > 1 and count - 1 or nil
	end
	extra = rc[key] or 0
	head.rc = next(rc) and rc or nil
	rest = ',"count":' .. text(extra)
elseif kind == 'extend' then
	if not head.text or not head.open then return {'conflict', head.version or 1} end
	if #value + #ARGV[i] > tonumber(ARGV[i + 4]) then return {'too_large'} end
	shown, extra = ARGV[i], head.len or 0
	value = value .. ARGV[i]
	head.len = extra + tonumber(ARGV[i + 1])
	if ARGV[i + 2] == '1' or ARGV[i + 3] == '1' then head.open = nil end
	if ARGV[i + 3] == '1' then head.cancelled = true end
	rest = ',"offset":' .. text(extra)
end
pos = pos + 1
head.cpos, head.chead = pos, seq
line = cjson.encode(head)
bytes = bytes - #raw + #line + 1 + #value
redis.call('HSET', km, text(s), line .. '\n' .. value)
redis.call('ZADD', kc, pos, text(s))
if age > 0 then redis.call('PEXPIRE', kc, text(math.floor(age * 1.2) + 600000)) end
trim(most, age, size, keep)
local lives = save(age)
publish(11, kind, ARGV[10] .. rest .. '}', line, shown)
if kind == 'edit' then
	tellMessage('message.edited', ARGV[#ARGV - 1], ',"version":' .. text(head.version) .. ',"editedAt":' .. text(head.edited), s)
elseif kind == 'delete' then
	tellMessage('message.deleted', ARGV[#ARGV - 1], ',"at":' .. text(head.edited), s)
elseif kind == 'extend' and not head.open then
	tellMessage('message.published', ARGV[#ARGV - 1], ',"value":' .. cjson.encode(value) .. ',"at":' .. text(head.at), s)
end
return {'ok', line, text(extra), text(pos), text(seq), epoch, kind == 'react' and own(head, s, user) or '', 0, lives}
`)

// pageScript: ARGV 1 mode (newest, since, after, before), 2 to 4 the position, 5 limit, 6 bytes, 7 user, 8 messages, 9 age,
// 10 bytes of the log, 11 how long ids are remembered, 12 epoch for a log without a message yet, or "".
// The answer is epoch, pos, seq, missed, more, number of messages, number of changes, then raw and own reactions of each
// message and change, then "seq head id" and position of each message that was purged.
var pageScript = redis.NewScript(logLua + `
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

// purgeScript: ARGV 1 id or "", 2 user or "", 3 "1" for the whole log, 4 rest of the record, 5 another epoch, 6 rest of the
// records of messages that lose reactions or mentions, 7 number of channels and the channels. The answer is how many
// messages are gone.
var purgeScript = redis.NewScript(logLua + `
if pos == 0 then return 0 end
local id, user, n = ARGV[1], ARGV[2], redis.call('HLEN', km)
pos = pos + 1
if ARGV[3] == '1' then
	for _, s in ipairs(redis.call('HKEYS', km)) do redis.call('DEL', K .. ':r:' .. s) end
	redis.call('DEL', K, km, ki, kq, kc, kn, kp)
	redis.call('HSET', K, 'epoch', ARGV[5], 'end', '0 0 1 0 0 0 0', 'was', epoch)
	redis.call('PEXPIRE', K, 86400000)
	publish(7, 'purge', ARGV[4], '{}', '')
	return n
end
local function forgo(s, id)
	if not drop(s, 0) then return end
	redis.call('ZADD', kp, pos, text(s) .. ' ' .. text(seq) .. ' ' .. id)
	if redis.call('ZCARD', kp) > 1000 then
		redis.call('HSET', K, 'gone', redis.call('ZRANGE', kp, 0, 0, 'WITHSCORES')[2])
		redis.call('ZREMRANGEBYRANK', kp, 0, 0)
	end
end
local others, about = {}, '{}'
if id ~= '' then
	local s = seqOf(id)
	if s then
		forgo(s, id)
		about = '{"id":"' .. id .. '","seq":' .. text(s) .. '}'
	end
	redis.call('HDEL', ki, id)
end
if user ~= '' then
	for s = first, seq do
		local raw = redis.call('HGET', km, text(s))
		if raw then
			local line, value = split(raw)
			local head, changed = cjson.decode(line), false
			if head.user == user then
				forgo(s, head.id)
			else
				for key, count in pairs(head.rc or {}) do
					if redis.call('HDEL', K .. ':r:' .. text(s), key .. '\0' .. user) == 1 then
						head.rc[key], changed = count > 1 and count - 1 or nil, true
					end
				end
				if head.rc and not next(head.rc) then head.rc = nil end
				if head.by == user then head.by, changed = nil, true end
				local named = {}
				for _, name in ipairs(head.mentions or {}) do
					if name ~= user then named[#named + 1] = name end
				end
				if #named < #(head.mentions or {}) then
					head.mentions, changed = #named > 0 and named or nil, true
				end
				if changed then others[#others + 1] = {s, raw, head, value} end
			end
		end
	end
	local known = redis.call('HGETALL', ki)
	for j = 1, #known, 2 do
		if string.match(known[j + 1], '^%d+ %d+ %d+ %S* (.*)$') == user then redis.call('HDEL', ki, known[j]) end
	end
	redis.call('ZREMRANGEBYLEX', kn, '[' .. user .. '\0', '(' .. user .. '\1')
end
publish(7, 'purge', ARGV[4], about, '')
for _, other in ipairs(others) do
	local s, raw, head, value = other[1], other[2], other[3], other[4]
	pos = pos + 1
	head.cpos, head.chead = pos, seq
	local line = cjson.encode(head)
	bytes = bytes - #raw + #line + 1 + #value
	redis.call('HSET', km, text(s), line .. '\n' .. value)
	redis.call('ZADD', kc, pos, text(s))
	publish(7, 'state', ARGV[6], line, value)
end
save(0)
return n - redis.call('HLEN', km)
`)

// rewindScript gives a log another epoch when Redis lost its end, in a failover: ARGV 1 epoch, 2 position that was seen, 3
// the other epoch.
var rewindScript = redis.NewScript(`
local h = redis.call('HMGET', KEYS[1], 'epoch', 'end')
if h[1] ~= ARGV[1] or tonumber(string.match(h[2], '^%d+')) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'epoch', ARGV[3])
return 1
`)
