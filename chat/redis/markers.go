package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"chorus/chat/redis/script"
	"chorus/chat/store"

	"github.com/redis/go-redis/v9"
)

// markScript: KEYS[1] the markers of a user, ARGV 1 log, 2 epoch, 3 seq, 4 the most. A marker is "epoch seq", and only
// goes forward.
var markScript = redis.NewScript(`
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old then
	local epoch, seq = string.match(old, '^(%S*) (%d+)$')
	if epoch == ARGV[2] and tonumber(seq) >= tonumber(ARGV[3]) then return tonumber(seq) end
elseif redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then
	return -1
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
return tonumber(ARGV[3])
`)

// Read implements store.Markers.
func (s *Store) Read(ctx context.Context, user, log string, seq int64) (store.Unread, error) {
	call, cancel := context.WithTimeout(ctx, script.CallTimeout)
	defer cancel()
	fields, err := s.client.HMGet(call, s.keys.Of("log", log), "epoch", "end").Result()
	if err != nil {
		return store.Unread{}, script.Unavailable(err)
	}
	end := positionOf(fields)
	end.Seq = max(min(seq, end.Seq), 0)
	marker, err := s.mark(ctx, user, log, end)
	if err != nil {
		return store.Unread{}, err
	}
	list, err := s.unread(ctx, user, []string{log}, map[string]string{log: fmt.Sprint(end.Epoch, " ", marker)})
	if err != nil {
		return store.Unread{}, err
	}
	return list[0], nil
}

// mark moves a marker forward and returns where it is then.
func (s *Store) mark(ctx context.Context, user, log string, to store.Position) (marker int64, err error) {
	cmd, err := s.calls.Do(ctx, markScript, []string{s.keys.Of("read", user)}, log, to.Epoch, to.Seq, s.opts.Markers)
	if err != nil {
		return 0, err
	}
	marker, err = cmd.Int64()
	switch {
	case err != nil:
		return 0, script.Unavailable(err)
	case marker < 0:
		return 0, &store.LimitError{Limit: int64(s.opts.Markers), What: "rooms with a marker", Key: "markers"}
	}
	return marker, nil
}

// Forget implements store.Markers.
func (s *Store) Forget(ctx context.Context, user, log string) error {
	ctx, cancel := context.WithTimeout(ctx, script.CallTimeout)
	defer cancel()
	if err := s.client.HDel(ctx, s.keys.Of("read", user), log).Err(); err != nil {
		return script.Unavailable(err)
	}
	return nil
}

// Unread implements store.Markers.
func (s *Store) Unread(ctx context.Context, user string, logs []string) ([]store.Unread, error) {
	call, cancel := context.WithTimeout(ctx, script.CallTimeout)
	defer cancel()
	markers, err := s.client.HGetAll(call, s.keys.Of("read", user)).Result()
	if err != nil {
		return nil, script.Unavailable(err)
	}
	if logs == nil {
		logs = slices.Sorted(maps.Keys(markers))
	}
	return s.unread(ctx, user, logs, markers)
}

// mention is how a mention is named in the set of a log. Names with more than 16 digits do not exist.
func mention(user string, seq int64) string { return fmt.Sprintf("%s\x00%016d", user, seq) }

// unread compares markers with the ends of logs, in one round trip.
func (s *Store) unread(ctx context.Context, user string, logs []string, markers map[string]string) ([]store.Unread, error) {
	if len(logs) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, script.CallTimeout)
	defer cancel()
	ends, mentions := make([]*redis.SliceCmd, len(logs)), make([]*redis.IntCmd, len(logs))
	if _, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, log := range logs {
			_, text, _ := strings.Cut(markers[log], " ")
			ends[i] = p.HMGet(ctx, s.keys.Of("log", log), "epoch", "end")
			mentions[i] = p.ZLexCount(ctx, s.keys.Of("log", log)+":n", "["+mention(user, number(text)+1), "("+user+"\x01")
		}
		return nil
	}); err != nil {
		return nil, script.Unavailable(err)
	}
	list := make([]store.Unread, len(logs))
	for i, log := range logs {
		end := positionOf(ends[i].Val())
		epoch, text, _ := strings.Cut(markers[log], " ")
		u := store.Unread{Log: log, Last: end.Seq, Mentions: mentions[i].Val()}
		if epoch == end.Epoch {
			u.Read = number(text)
		} else if text != "" && text != "0" { // of a log that is gone: mentions before it do not count
			n, err := s.client.ZLexCount(ctx, s.keys.Of("log", log)+":n", "["+mention(user, 1), "("+user+"\x01").Result()
			if err != nil {
				return nil, script.Unavailable(err)
			}
			u.Mentions = n
		}
		u.Unread = max(u.Last-u.Read, 0)
		list[i] = u
	}
	return list, nil
}
