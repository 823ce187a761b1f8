package lua

import (
	"chorus/chat/notice"
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

-- take notes a message that is to go, and flush removes those that were noted. Their ids are remembered for the time keep.
local goneSeqs, goneIDs, keptIDs = {}, {}, {}
local function take(raw, s, at, keep)
	local head = string.match(raw, '^[^\n]*')
	bytes = bytes - #raw
	goneSeqs[#goneSeqs + 1] = text(s)
	if string.find(head, '"cpos":', 1, true) then redis.call('ZREM', kc, text(s)) end
	unmention(head, s)
	if string.find(head, '"rc":{', 1, true) then redis.call('DEL', K .. ':r:' .. text(s)) end
	local id = string.match(head, '"id":"([%w_.-]+)"')
	if keep > 0 and at + keep > now and string.find(head, '"chosen":true', 1, true) then
		keptIDs[#keptIDs + 1] = text(at) .. ' ' .. id
	else
		goneIDs[#goneIDs + 1] = id
	end
end
local function flush(keep)
	if #goneSeqs > 0 then redis.call('HDEL', km, unpack(goneSeqs)) end
	if #goneIDs > 0 then redis.call('HDEL', ki, unpack(goneIDs)) end
	if #keptIDs > 0 then
		redis.call('RPUSH', kq, unpack(keptIDs))
		redis.call('PEXPIRE', kq, text(2 * keep + 600000))
	end
	goneSeqs, goneIDs, keptIDs = {}, {}, {}
end

-- drop removes a message, and reports whether it was there.
local function drop(s, keep)
	local raw = redis.call('HGET', km, text(s))
	if not raw then return false end
	take(raw, s, tonumber(string.match(raw, '"at":(%d+)')), keep)
	flush(keep)
	return true
end

-- trim keeps the bounds: messages, age in milliseconds, bytes. It drops about 1,000 messages at most, which are more than
-- come in. It reads some at once; fat becomes the time of the oldest that stays.
local function trim(most, age, size, keep)
	local n, begun = redis.call('HLEN', km), first
	local function over(at) return age > 0 and at + age < now or most > 0 and n > most or size > 0 and bytes > size and first < seq end
	for _ = 1, 16 do
		if first > seq or not over(fat) then break end
		local names, stop = {}, false
		for s = first, math.min(seq, first + math.min(math.max(most > 0 and n - most or 16, 16), 64) - 1) do names[#names + 1] = text(s) end
		for k, raw in ipairs(redis.call('HMGET', km, unpack(names))) do
			if raw then
				fat = tonumber(string.match(raw, '"at":(%d+)'))
				stop = not over(fat)
				if stop then break end
				take(raw, first, fat, keep)
				n = n - 1
			end
			first = first + 1
		end
		flush(keep)
		if stop then break end
	end
	return first ~= begun
end

-- forget ends the memory of ids of trimmed messages: those older than keep, and the oldest of more than most.
local function forget(keep, most)
	local n, names, gone = redis.call('LLEN', kq), {}, {}
	if n == 0 then return end
	for _, item in ipairs(redis.call('LRANGE', kq, 0, 127)) do
		local at, id = string.match(item, '^(%d+) (.*)$')
		if n - #names <= most and tonumber(at) + keep > now then break end
		names[#names + 1] = id
	end
	if #names == 0 then return end
	redis.call('LTRIM', kq, #names, -1)
	for k, s in ipairs(redis.call('HMGET', ki, unpack(names))) do
		if s and tonumber(string.match(s, '^%d+')) < first then gone[#gone + 1] = names[k] end
	end
	if #gone > 0 then redis.call('HDEL', ki, unpack(gone)) end
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
