package lua

import "github.com/redis/go-redis/v9"

// Purge removes messages. ARGV 1 id or "", 2 user or "", 3 "1" for the whole log, 4 rest of the record, 5 another epoch, 6 rest of the
// records of messages that lose reactions or mentions, 7 number of channels and the channels. The answer is how many
// messages are gone.
var Purge = redis.NewScript(logLua + `
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

// Rewind gives a log another epoch when Redis lost its end, in a failover: ARGV 1 epoch, 2 position that was seen, 3
// the other epoch.
var Rewind = redis.NewScript(`
local h = redis.call('HMGET', KEYS[1], 'epoch', 'end')
if h[1] ~= ARGV[1] or tonumber(string.match(h[2], '^%d+')) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'epoch', ARGV[3])
return 1
`)
