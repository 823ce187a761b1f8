package redis

import (
	"context"
	"slices"
	"time"

	"chorus/chat/store"

	"github.com/redis/go-redis/v9"
)

// placeScript: KEYS[1] a hash of rooms with the millisecond of their end. ARGV 1 room, 2 milliseconds or 0, 3 most rooms.
var placeScript = redis.NewScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local all, last = redis.call('HGETALL', KEYS[1]), 0
for i = 1, #all, 2 do
	if tonumber(all[i + 1]) <= now then redis.call('HDEL', KEYS[1], all[i])
	elseif all[i] ~= ARGV[1] then last = math.max(last, tonumber(all[i + 1])) end
end
local within = tonumber(ARGV[2])
if within == 0 then
	redis.call('HDEL', KEYS[1], ARGV[1])
	return 1
end
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now + within))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(last, now + within) - now))
return 1
`)

// placedScript returns the rooms of KEYS[1] that have not ended.
var placedScript = redis.NewScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local all, rooms = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
	if tonumber(all[i + 1]) > now then rooms[#rooms + 1] = all[i] end
end
return rooms
`)

// Place implements store.Placements.
func (s *Store) Place(ctx context.Context, user, room string, within time.Duration) error {
	cmd, err := s.calls.Do(ctx, placeScript, []string{s.keys.Of("put", user)}, room, max(within.Milliseconds(), 0), s.opts.Placements)
	if err != nil {
		return err
	}
	if done, err := cmd.Int(); err != nil || done == 1 {
		return err
	}
	return &store.LimitError{Limit: int64(s.opts.Placements), What: "rooms for sockets of a user that are to come"}
}

// Placed implements store.Placements.
func (s *Store) Placed(ctx context.Context, user string) ([]string, error) {
	cmd, err := s.calls.Do(ctx, placedScript, []string{s.keys.Of("put", user)})
	if err != nil {
		return nil, err
	}
	rooms, err := cmd.StringSlice()
	slices.Sort(rooms)
	return rooms, err
}
