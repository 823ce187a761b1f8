package notice

import (
	"encoding/json"
	"strings"
)

// Key returns the beginning of the keys of a target in Redis. Behind it stand ":events", a stream; ":meta", a hash with
// counters; ":fold", a hash with the id of the last notice about each state; and what package api/webhook keeps. All are
// in one slot of a Redis Cluster.
func Key(prefix, target string) string { return prefix + "-webhooks:{" + target + "}" }

// Group is the consumer group of the streams.
const Group = "chorus"

// Spec says to a script who is told what. Its JSON is the last argument of a script that begins with Lua.
type Spec struct {
	Subject string       `json:"k"`           // see Notice.Subject
	Seq     string       `json:"q"`           // the key of the counter
	Room    string       `json:"r,omitempty"` // "" for a user
	Out     string       `json:"o,omitempty"` // in a Redis Cluster: the key of the list from which a node moves notices to the streams
	To      []SpecTarget `json:"t"`
}

// SpecTarget is a target in a Spec.
type SpecTarget struct {
	Key   string `json:"k"`
	Most  int    `json:"m"`
	Bytes int64  `json:"b"`
	Kinds string `json:"e"` // with commas around each
}

// Text returns the argument for a script, "" when nobody is told.
func (s *Spec) Text() string {
	if len(s.To) == 0 {
		return ""
	}
	text, _ := json.Marshal(s) // it cannot fail: there are texts and numbers
	return string(text)
}

// Spec returns who wants these kinds about a room, or about a user.
func (t *Targets) Spec(prefix string, kinds []string, room string) []SpecTarget {
	var to []SpecTarget
	t.Wanting(kinds, room, func(target *Target, wanted []string) {
		to = append(to, t.of(prefix, target, wanted))
	})
	return to
}

// of returns a target for scripts.
func (*Targets) of(prefix string, target *Target, kinds []string) SpecTarget {
	return SpecTarget{Key: Key(prefix, target.Name), Most: target.MaxBacklog, Bytes: target.MaxBytes, Kinds: "," + strings.Join(kinds, ",") + ","}
}

// PutLua is the function put(target, event), which puts a notice into the stream of a target. When the stream is half
// full, older notices about the same state give way, and with each notice four others are looked at; so when it is full,
// nothing is left to fold. Then the oldest notice that is about no state goes, and when there is none, the oldest one.
// The function settle(target, id) takes a notice out, and returns whether it was there.
const PutLua = `
local put, settle
do
local function remove(t, id, size)
	redis.call('XACK', t.k .. ':events', 'chorus', id)
	if redis.call('XDEL', t.k .. ':events', id) == 1 then redis.call('HINCRBY', t.k .. ':meta', 'bytes', -size) end
end
local function fields(entry)
	local f = {}
	for i = 1, #entry[2], 2 do f[entry[2][i]] = entry[2][i + 1] end
	return f
end
local function sizeOf(data) return #data + 200 end
local function superseded(t, id, f)
	if f.fold == '' then return false end
	local last = redis.call('HGET', t.k .. ':fold', f.fold)
	return last and last ~= id
end
local function behind(t, cursor, count)
	local from = cursor and '(' .. cursor or '-'
	return redis.call('XRANGE', t.k .. ':events', from, '+', 'COUNT', count)
end
local function full(t, part)
	return redis.call('XLEN', t.k .. ':events') >= t.m * part or tonumber(redis.call('HGET', t.k .. ':meta', 'bytes') or '0') >= t.b * part
end
local function sweep(t)
	local M = t.k .. ':meta'
	local found = behind(t, redis.call('HGET', M, 'sweep'), 4)
	for _, entry in ipairs(found) do
		local f = fields(entry)
		if superseded(t, entry[1], f) then
			remove(t, entry[1], sizeOf(f.data))
			redis.call('HINCRBY', M, 'folded', 1)
		end
	end
	if #found < 4 then redis.call('HDEL', M, 'sweep') else redis.call('HSET', M, 'sweep', found[#found][1]) end
end
local function drop(t)
	local M, victim, f = t.k .. ':meta', nil, nil
	local cursor = redis.call('HGET', M, 'drop')
	local first = behind(t, nil, 1)[1]
	if not first then return false end
	for _ = 1, 20 do
		local found = behind(t, cursor, 100)
		for _, entry in ipairs(found) do
			f = fields(entry)
			if f.fold == '' or superseded(t, entry[1], f) then
				victim = entry[1]
				break
			end
			cursor = entry[1]
		end
		if victim then break end
		if #found < 100 then
			victim, f, cursor = first[1], fields(first), nil
			if redis.call('HGET', t.k .. ':fold', f.fold) == victim then redis.call('HDEL', t.k .. ':fold', f.fold) end
			break
		end
	end
	if cursor then redis.call('HSET', M, 'drop', cursor) else redis.call('HDEL', M, 'drop') end
	if not victim then return false end
	redis.call('HINCRBY', M, superseded(t, victim, f) and 'folded' or 'dropped', 1)
	remove(t, victim, sizeOf(f.data))
	return true
end
settle = function(t, id)
	local entry = redis.call('XRANGE', t.k .. ':events', id, id)[1]
	if not entry then
		redis.call('XACK', t.k .. ':events', 'chorus', id)
		return false
	end
	local f = fields(entry)
	if f.fold ~= '' and redis.call('HGET', t.k .. ':fold', f.fold) == id then redis.call('HDEL', t.k .. ':fold', f.fold) end
	remove(t, id, sizeOf(f.data))
	return true
end
put = function(t, e)
	local S, M = t.k .. ':events', t.k .. ':meta'
	if full(t, 0.5) then
		if e.fold ~= '' then
			local last = redis.call('HGET', t.k .. ':fold', e.fold)
			local entry = last and redis.call('XRANGE', S, last, last)[1]
			if entry then
				remove(t, last, sizeOf(fields(entry).data))
				redis.call('HINCRBY', M, 'folded', 1)
			end
		end
		sweep(t)
		for _ = 1, 100 do
			if not full(t, 1) or not drop(t) then break end
		end
	end
	local id = redis.call('XADD', S, '*', 'id', e.id, 'kind', e.kind, 'at', e.at, 'seq', e.seq, 'key', e.key, 'fold', e.fold, 'data', e.data)
	redis.call('HINCRBY', M, 'bytes', sizeOf(e.data))
	if e.fold ~= '' then redis.call('HSET', t.k .. ':fold', e.fold, id) end
end
end
`

// Lua is the function tell(kind, fold, data) of scripts whose last argument is the text of a Spec. It belongs where that is
// not empty.
const Lua = PutLua + `
local spec = cjson.decode(ARGV[#ARGV])
local function tell(kind, fold, data)
	local wanted = {}
	for _, t in ipairs(spec.t) do
		if string.find(t.e, ',' .. kind .. ',', 1, true) then wanted[#wanted + 1] = t end
	end
	if #wanted == 0 then return end
	local time = redis.call('TIME')
	local at = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
	redis.call('SET', spec.q, at, 'PX', 86400000, 'NX')
	local seq = string.format('%.0f', redis.call('INCR', spec.q))
	redis.call('PEXPIRE', spec.q, 86400000)
	if fold ~= '' then fold = spec.k .. '\0' .. fold end
	local e = {id = 'evt_' .. redis.sha1hex(spec.q .. '\0' .. seq), kind = kind, at = at, seq = seq, key = spec.k, fold = fold, data = data}
	if spec.o then
		e.to = wanted
		redis.call('RPUSH', spec.o, cjson.encode(e))
		return
	end
	for _, t in ipairs(wanted) do put(t, e) end
end
`

// PresenceLua has the functions came and went, which tell of a user in a room whose users are the hash K.
const PresenceLua = `
local came, went = function() end, function() end
if ARGV[#ARGV] ~= '' then` + Lua + `
	local function member(user, name) return '"user":' .. cjson.encode({id = user, name = name ~= '' and name or nil}) end
	local function about(count) return '"room":' .. cjson.encode(spec.r) .. ',"count":' .. count end
	came = function(user, name)
		if not spec.r then return tell('user.online', 'online', member(user, name)) end
		local count = redis.call('HLEN', K)
		if count == 1 then tell('room.occupied', 'occupied', about(count)) end
		tell('room.joined', 'in\0' .. user, member(user, name) .. ',' .. about(count))
	end
	went = function(user, name)
		if not spec.r then return tell('user.offline', 'online', member(user, name)) end
		local count = redis.call('HLEN', K)
		tell('room.left', 'in\0' .. user, member(user, name) .. ',' .. about(count))
		if count == 0 then tell('room.vacated', 'occupied', about(count)) end
	end
end
`
