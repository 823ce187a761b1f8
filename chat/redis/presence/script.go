package presence

import (
	"chorus/chat/notice"

	"github.com/redis/go-redis/v9"
)

// The users of a room are in the hash KEYS[1]: user -> {name, since, data, d, n}, where n has the number of sockets for
// each lease (of a node) and d is the number that was published last. KEYS[1] .. ":o" is the set of the users in order,
// and KEYS[1] .. ":l:" .. LEASE the set of the users for whom a lease counts. A lease with 0 sockets holds a user during
// the grace.
const presenceLua = `
local K = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function total(e)
	local sum = 0
	for _, n in pairs(e.n) do sum = sum + n end
	return sum
end
local function shown(user, e)
	return {id = user, name = e.name, since = e.since, devices = total(e), data = e.data}
end
local function publish(channel, change)
	change.count = redis.call('HLEN', K)
	redis.call('PUBLISH', channel, 'p' .. cjson.encode(change))
end
-- settle writes a user back without a lease, and returns whether the user has left.
local function release(user, e, lease)
	e.n[lease] = nil
	if next(e.n) then
		local devices = total(e)
		local changed = devices > 0 and devices ~= e.d
		if changed then e.d = devices end
		redis.call('HSET', K, user, cjson.encode(e))
		return false, changed
	end
	redis.call('HDEL', K, user)
	redis.call('ZREM', K .. ':o', user)
	return true, false
end
`

// enterScript: ARGV 1 user, 2 lease, 3 sockets here, or -1 to leave, 4 name, 5 data of a user who is new, "" for none, 6
// channel, 7 who is told, see notice.Spec. The answer is the number of users.
var enterScript = redis.NewScript(presenceLua + notice.PresenceLua + `
local user, lease, sockets = ARGV[1], ARGV[2], tonumber(ARGV[3])
local raw = redis.call('HGET', K, user)
local mine = K .. ':l:' .. lease
if sockets < 0 then
	redis.call('SREM', mine, user)
	if raw then
		local e = cjson.decode(raw)
		if e.n[lease] then
			local left, changed = release(user, e, lease)
			if left then
				publish(ARGV[6], {left = {user}, names = {[user] = e.name}})
				went(user, e.name)
			elseif changed then publish(ARGV[6], {changed = {shown(user, e)}}) end
		end
	end
	return redis.call('HLEN', K)
end
redis.call('SADD', mine, user)
if not raw then
	local e = {name = ARGV[4], since = now, d = sockets, n = {[lease] = sockets}}
	if ARGV[5] ~= '' then e.data = ARGV[5] end
	redis.call('HSET', K, user, cjson.encode(e))
	redis.call('ZADD', K .. ':o', 0, user)
	publish(ARGV[6], {joined = {shown(user, e)}})
	came(user, e.name)
	return redis.call('HLEN', K)
end
local e = cjson.decode(raw)
local renamed = ARGV[4] ~= e.name and sockets > 0
if e.n[lease] ~= sockets or renamed then
	e.n[lease] = sockets
	if sockets > 0 then e.name = ARGV[4] end
	local devices = total(e)
	local changed = renamed or devices > 0 and devices ~= e.d
	if changed then e.d = devices end
	redis.call('HSET', K, user, cjson.encode(e))
	if changed then publish(ARGV[6], {changed = {shown(user, e)}}) end
end
return redis.call('HLEN', K)
`)

// cleanScript ends a lease that is dead: ARGV 1 lease, 2 channel, 3 who is told. The answer is how many users of the lease are left, and
// how many have left the room.
var cleanScript = redis.NewScript(presenceLua + notice.PresenceLua + `
local mine, left, names, changed = K .. ':l:' .. ARGV[1], {}, {}, {}
for _ = 1, 200 do
	local user = redis.call('SPOP', mine)
	if not user then break end
	local raw = redis.call('HGET', K, user)
	if raw then
		local e = cjson.decode(raw)
		if e.n[ARGV[1]] then
			local gone, other = release(user, e, ARGV[1])
			if gone then
				left[#left + 1], names[user] = user, e.name
				went(user, e.name)
			elseif other then changed[#changed + 1] = shown(user, e) end
		end
	end
end
local change = {}
if #left > 0 then change.left, change.names = left, names end
if #changed > 0 then change.changed = changed end
if next(change) then publish(ARGV[2], change) end
return {redis.call('SCARD', mine), #left}
`)

// dataScript: ARGV 1 user, 2 data or "", 3 channel.
var dataScript = redis.NewScript(presenceLua + `
local raw = redis.call('HGET', K, ARGV[1])
if not raw then return 0 end
local e = cjson.decode(raw)
local data = ARGV[2] ~= '' and ARGV[2] or nil
if e.data == data then return 1 end
e.data = data
redis.call('HSET', K, ARGV[1], cjson.encode(e))
publish(ARGV[3], {changed = {shown(ARGV[1], e)}})
return 1
`)

// listScript: ARGV 1 the user behind whom the page begins, or "", 2 how many. The answer is the number of users of the
// room, then user and entry of each.
var listScript = redis.NewScript(`
local K = KEYS[1]
local answer = {redis.call('HLEN', K)}
if tonumber(ARGV[2]) == 0 then return answer end
for _, user in ipairs(redis.call('ZRANGEBYLEX', K .. ':o', ARGV[1] == '' and '-' or '(' .. ARGV[1], '+', 'LIMIT', 0, ARGV[2])) do
	answer[#answer + 1] = user
	answer[#answer + 1] = redis.call('HGET', K, user) or ''
end
return answer
`)

// statusScript keeps the data that a user has everywhere: ARGV 1 data or "", 2 milliseconds, 3 channel, 4 payload.
var statusScript = redis.NewScript(`
if ARGV[1] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
`)

var getScript = redis.NewScript(`return redis.call('GET', KEYS[1])`)

// keepScript adds a member to a set, dropScript removes one.
var (
	keepScript = redis.NewScript(`return redis.call('SADD', KEYS[1], ARGV[1])`)
	dropScript = redis.NewScript(`return redis.call('SREM', KEYS[1], ARGV[1])`)
)
