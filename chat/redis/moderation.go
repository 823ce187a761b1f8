package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"chorus/chat/redis/script"
	"chorus/chat/store"
	"chorus/registry"

	"github.com/redis/go-redis/v9"
)

// bars is the state of moderation of a room.
type bars struct {
	of     map[string]store.Bar // ACTION:USER -> bar; nil while there are none
	slow   int
	frozen bool
}

const (
	fieldSlow   = "slow"
	fieldFrozen = "frozen"
)

func barName(action, user string) string { return action + ":" + user }

// parseBars reads the hash that Redis keeps for a room.
func parseBars(fields map[string]string) *bars {
	b := new(bars)
	for name, text := range fields {
		switch name {
		case fieldSlow:
			b.slow, _ = strconv.Atoi(text)
		case fieldFrozen:
			b.frozen = true
		default:
			var bar store.Bar
			if json.Unmarshal([]byte(text), &bar) == nil {
				if b.of == nil {
					b.of = make(map[string]store.Bar)
				}
				b.of[name] = bar
			}
		}
	}
	return b
}

// inForce returns a bar that has not ended.
func (b *bars) inForce(action, user string) *store.Bar {
	bar, ok := b.of[barName(action, user)]
	if !ok || bar.Until != 0 && bar.Until <= time.Now().UnixMilli() {
		return nil
	}
	return &bar
}

// loadBars reads those of a topic that this node follows, or those of everywhere, and reports whether they are others
// than before.
func (f *feed) loadBars(ctx context.Context, name string) (changed bool, err error) {
	b, err := f.s.readBars(ctx, name)
	if err != nil {
		return false, err
	}
	return f.takeBars(name, b), nil
}

// takeBars puts those of a topic, or of everywhere, in force.
func (f *feed) takeBars(name string, b *bars) (changed bool) {
	f.mu.Lock()
	t := f.topics[name]
	var before *bars
	switch {
	case name == "":
		before, f.everywhere = f.everywhere, b
	case t != nil:
		before, t.bars = t.bars, b
	}
	f.mu.Unlock()
	known := before
	if known == nil {
		known = &bars{}
	}
	return !maps.Equal(known.of, b.of)
}

func (s *Store) readBars(ctx context.Context, room string) (*bars, error) {
	ctx, cancel := context.WithTimeout(ctx, script.CallTimeout)
	defer cancel()
	fields, err := s.client.HGetAll(ctx, s.keys.Of("bars", room)).Result()
	if err != nil {
		return nil, script.Unavailable(err)
	}
	return parseBars(fields), nil
}

// Standing implements store.Moderation.
func (s *Store) Standing(ctx context.Context, room, user string) (store.Standing, error) {
	s.feed.mu.Lock()
	everywhere := s.feed.everywhere
	var own *bars
	if t := s.feed.topics[room]; t != nil {
		own = t.bars
	}
	s.feed.mu.Unlock()
	if everywhere == nil { // this node has just started
		var err error
		if everywhere, err = s.readBars(ctx, ""); err != nil {
			return store.Standing{}, err
		}
	}
	if room == "" {
		own = everywhere
	}
	if own == nil {
		var err error
		if own, err = s.readBars(ctx, room); err != nil {
			return store.Standing{}, err
		}
	}
	return standingOf(everywhere, own, user), nil
}

// standingOf combines the bars of everywhere and of a room.
func standingOf(everywhere, own *bars, user string) store.Standing {
	standing := store.Standing{Slow: own.slow, Frozen: own.frozen || everywhere.frozen}
	for action, bar := range map[string]**store.Bar{"mute": &standing.Mute, "ban": &standing.Ban} {
		if *bar = everywhere.inForce(action, user); *bar == nil {
			*bar = own.inForce(action, user)
		}
	}
	return standing
}

// ReadStanding is Standing for a program that is not a node.
func ReadStanding(ctx context.Context, client redis.UniversalClient, prefix, room, user string) (store.Standing, error) {
	s := &Store{client: client, keys: script.Keys(cmp.Or(prefix, registry.DefaultPrefix))}
	everywhere, err := s.readBars(ctx, "")
	if err != nil {
		return store.Standing{}, err
	}
	own := everywhere
	if room != "" {
		if own, err = s.readBars(ctx, room); err != nil {
			return store.Standing{}, err
		}
	}
	return standingOf(everywhere, own, user), nil
}

// ruleScript: KEYS[1] the hash of the room, ARGV 1 field, 2 value or "" to remove it, 3 the most bars, 4 channel, 5
// payload, 6 the time in milliseconds. Bars that have ended give way to new ones. Slow mode and freezing are no bars: they
// take no place, and are possible when the room is full of bars.
var ruleScript = redis.NewScript(`
local function full()
	local others = redis.call('HEXISTS', KEYS[1], 'slow') + redis.call('HEXISTS', KEYS[1], 'frozen')
	return redis.call('HLEN', KEYS[1]) - others >= tonumber(ARGV[3])
end
if ARGV[2] == '' then
	redis.call('HDEL', KEYS[1], ARGV[1])
else
	local bar = ARGV[1] ~= 'slow' and ARGV[1] ~= 'frozen'
	if bar and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and full() then
		local all = redis.call('HGETALL', KEYS[1])
		for i = 1, #all, 2 do
			local ends = tonumber(string.match(all[i + 1], '"Until":(%d+)') or '0')
			if ends > 0 and ends <= tonumber(ARGV[6]) then redis.call('HDEL', KEYS[1], all[i]) end
		end
		if full() then return 0 end
	end
	redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
`)

// reportScript: KEYS[1] the list, KEYS[2] the set of its reports, each as "message user", ARGV 1 the report, 2 the most, 3 its
// "message user". It returns 0 for a report that is there already.
var reportScript = redis.NewScript(`
if redis.call('LLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[2]) end
if redis.call('SADD', KEYS[2], ARGV[3]) == 0 then return 0 end
redis.call('LPUSH', KEYS[1], ARGV[1])
for _, dropped in ipairs(redis.call('LRANGE', KEYS[1], ARGV[2], -1)) do
	local report = cjson.decode(dropped)
	redis.call('SREM', KEYS[2], report.ID .. ' ' .. report.By)
end
redis.call('LTRIM', KEYS[1], 0, tonumber(ARGV[2]) - 1)
return 1
`)

// SetRule implements store.Moderation.
func (s *Store) SetRule(ctx context.Context, room string, r store.Rule) error {
	var field, value string
	switch {
	case r.Report != nil:
		return s.addReport(ctx, room, r.Report)
	case r.Bar != nil:
		text, err := json.Marshal(r.Bar)
		if err != nil {
			return err
		}
		field, value = barName(r.Bar.Action, r.Bar.User), string(text)
	case r.Lift != nil:
		field = barName(r.Lift.Action, r.Lift.User)
	case r.Slow != nil:
		if field = fieldSlow; *r.Slow > 0 {
			value = strconv.Itoa(*r.Slow)
		}
	case r.Frozen != nil:
		if field = fieldFrozen; *r.Frozen {
			value = "1"
		}
	}
	channel := s.keys.Channel(room)
	if room == "" {
		channel = s.keys.All()
	}
	cmd, err := s.calls.Do(ctx, ruleScript, []string{s.keys.Of("bars", room)}, field, value, s.opts.Bars, channel, string(payloadBars), time.Now().UnixMilli())
	if err != nil {
		return err
	}
	if n, err := cmd.Int(); err != nil || n == 0 {
		return &store.LimitError{Limit: int64(s.opts.Bars), What: "bars of a room", Key: "bars"}
	}
	return nil
}

func (s *Store) addReport(ctx context.Context, room string, r *store.Report) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	cmd, err := s.calls.Do(ctx, reportScript, []string{s.keys.Of("reports", room), s.keys.Of("reported", room)}, text, s.opts.Reports, r.ID+" "+r.By)
	if err != nil {
		return err
	}
	if n, err := cmd.Int(); err == nil && n == 0 {
		return store.ErrReported
	}
	return nil
}

// turnScript: KEYS[1] the turn of a user, ARGV 1 milliseconds. The answer is how long to wait.
var turnScript = redis.NewScript(`
local wait = redis.call('PTTL', KEYS[1])
if wait > 0 then return wait end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 0
`)

// Turn implements store.Moderation.
func (s *Store) Turn(ctx context.Context, room, user string, slow int) (time.Duration, error) {
	cmd, err := s.calls.Do(ctx, turnScript, []string{s.keys.Of("log", room) + ":t:" + user}, slow*1000)
	if err != nil {
		return 0, err
	}
	wait, err := cmd.Int64()
	return time.Duration(wait) * time.Millisecond, err
}

// Rules implements store.Moderation.
func (s *Store) Rules(ctx context.Context, room, cursor string, limit int) (store.ModerationPage, error) {
	b, err := s.readBars(ctx, room)
	if err != nil {
		return store.ModerationPage{}, err
	}
	page := store.ModerationPage{Slow: b.slow, Frozen: b.frozen}
	for _, name := range slices.Sorted(maps.Keys(b.of)) {
		bar := b.of[name]
		if name <= cursor || b.inForce(bar.Action, bar.User) == nil {
			continue
		}
		if len(page.Bars) == limit {
			last := page.Bars[limit-1]
			page.Next = barName(last.Action, last.User)
			break
		}
		page.Bars = append(page.Bars, bar)
	}
	if cursor != "" {
		return page, nil
	}
	ctx, cancel := context.WithTimeout(ctx, script.CallTimeout)
	defer cancel()
	texts, err := s.client.LRange(ctx, s.keys.Of("reports", room), 0, int64(s.opts.Reports)-1).Result()
	if err != nil {
		return page, script.Unavailable(err)
	}
	for _, text := range texts {
		var r store.Report
		if err := json.Unmarshal([]byte(text), &r); err == nil {
			page.Reports = append(page.Reports, r)
		}
	}
	return page, nil
}
