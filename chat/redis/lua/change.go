package lua

import "github.com/redis/go-redis/v9"

// Change changes a message. ARGV 1 kind, 2 id, 3 user, 4 "1" for a moderator, 5 epoch for a new log, 6 messages, 7 age, 8 bytes, 9 how
// long ids are remembered, 10 rest of the record, 11 number of channels and the channels, then what the kind needs:
// edit: value, attach, version; react: key, "1" for on, most keys, most reactions;
// extend: fragment, length, done, cancel, most bytes, rest of the head of a new message, milliseconds of slow mode or 0;
// all: at the end the members of a notice and who is told.
// The answer is the outcome, the head, the offset or count, pos, head seq, epoch, created, lives.
var Change = redis.NewScript(logLua + messageLua + `
local kind, id, user, moderator = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local most, age, size, keep = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local i = 12 + tonumber(ARGV[11])
local s = seqOf(id)
local raw = s and redis.call('HGET', km, text(s))
if not raw then
	if kind ~= 'extend' or s then return {'not_found'} end
	local created, slow = 0, ARGV[i + 6]
	if slow ~= '0' then
		local wait = redis.call('PTTL', K .. ':t:' .. user)
		if wait > 0 then return {'slow', wait} end
	end
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
	if slow ~= '0' then redis.call('SET', K .. ':t:' .. user, '1', 'PX', slow) end
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
	head.deleted, head.gone, head.by = true, math.max(now, last), user
	head.rc, head.mentions, head.attach, head.text, head.open, head.len, head.cancelled = nil, nil, nil, nil, nil, nil, nil
elseif kind == 'react' then
	if head.deleted then return {'not_found'} end
	local key, kr, rc = ARGV[i], K .. ':r:' .. text(s), head.rc or {}
	local member, count, n = key .. '\0' .. user, rc[key] or 0, 0
	for _ in pairs(rc) do n = n + 1 end
	local on = ARGV[i + 1] == '1'
	if on == (redis.call('HEXISTS', kr, member) == 1) then return noop(count) end
	if on then
		if count == 0 and n >= tonumber(ARGV[i + 2]) then return {'limit'} end
		if redis.call('HLEN', kr) >= tonumber(ARGV[i + 3]) then return {'too_many'} end
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
	tellMessage('message.deleted', ARGV[#ARGV - 1], ',"at":' .. text(head.gone), s)
elseif kind == 'extend' and not head.open then
	tellMessage('message.published', ARGV[#ARGV - 1], ',"value":' .. cjson.encode(value) .. ',"at":' .. text(head.at), s)
end
return {'ok', line, text(extra), text(pos), text(seq), epoch, kind == 'react' and own(head, s, user) or '', 0, lives}
`)
