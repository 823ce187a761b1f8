package rest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// newAnswers returns the answers of the cluster, or of this node when it is alone.
func newAnswers(opts *Options) answers {
	if opts.Client == nil {
		return &memoryAnswers{most: opts.IdempotencyKeys, kept: make(map[string]map[string]*memoryAnswer)}
	}
	return &redisAnswers{client: opts.Client, prefix: opts.RedisPrefix, most: opts.IdempotencyKeys}
}

// memoryAnswers keeps the answers of a node that is alone.
type memoryAnswers struct {
	most int

	mu   sync.Mutex
	kept map[string]map[string]*memoryAnswer // by key and Idempotency-Key
}

var _ answers = (*memoryAnswers)(nil)

type memoryAnswer struct {
	digest string
	until  time.Time
	answer *keptAnswer // nil while it is under way
}

func (m *memoryAnswers) begin(_ context.Context, who, id, digest string) (*keptAnswer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, own := time.Now(), m.kept[who]
	if own == nil {
		own = make(map[string]*memoryAnswer)
		m.kept[who] = own
	}
	if known := own[id]; known != nil && known.until.After(now) {
		switch {
		case known.digest != digest:
			return nil, errOther
		case known.answer == nil:
			return nil, errUnderWay
		}
		return known.answer, nil
	}
	m.makeRoom(own, now)
	own[id] = &memoryAnswer{digest: digest, until: now.Add(answerHeld)}
	return nil, nil
}

// makeRoom drops what is over, or else the oldest answer.
func (m *memoryAnswers) makeRoom(own map[string]*memoryAnswer, now time.Time) {
	if len(own) < m.most {
		return
	}
	oldest := ""
	for id, known := range own {
		switch {
		case !known.until.After(now):
			delete(own, id)
		case known.answer != nil && (oldest == "" || known.until.Before(own[oldest].until)):
			oldest = id
		}
	}
	if len(own) >= m.most {
		delete(own, oldest)
	}
}

func (m *memoryAnswers) end(_ context.Context, who, id, digest string, kept *keptAnswer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.kept[who][id]; known == nil || known.digest != digest {
		return nil // it took too long
	}
	if kept == nil {
		delete(m.kept[who], id)
		return nil
	}
	m.kept[who][id] = &memoryAnswer{digest: digest, until: time.Now().Add(answersKept), answer: kept}
	return nil
}

// redisAnswers keeps the answers of a cluster.
type redisAnswers struct {
	client redis.UniversalClient
	prefix string
	most   int
}

var _ answers = (*redisAnswers)(nil)

// beginAnswerScript: KEYS[1] the answer: digest, a space, and the answer or nothing while it is under way. KEYS[2] the
// ids of the key by time. ARGV 1 digest, 2 id, 3 milliseconds under way, 4 milliseconds kept, 5 most answers, 6 what the
// names of answers begin with.
var beginAnswerScript = redis.NewScript(`
local known = redis.call('GET', KEYS[1])
if known then
	local at = string.find(known, ' ', 1, true)
	if string.sub(known, 1, at - 1) ~= ARGV[1] then return {'other'} end
	if at == #known then return {'wait'} end
	return {'done', string.sub(known, at + 1)}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now - tonumber(ARGV[4])))
local more = redis.call('ZCARD', KEYS[2]) + 1 - tonumber(ARGV[5])
if more > 0 then
	for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, more - 1)) do
		redis.call('DEL', ARGV[6] .. id)
		redis.call('ZREM', KEYS[2], id)
	end
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ', 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], string.format('%.0f', now), ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {'begin'}
`)

// endAnswerScript: KEYS as above. ARGV 1 digest, 2 id, 3 the answer or "", 4 milliseconds kept.
var endAnswerScript = redis.NewScript(`
local known = redis.call('GET', KEYS[1])
if known ~= ARGV[1] .. ' ' then return 0 end
if ARGV[3] == '' then
	redis.call('ZREM', KEYS[2], ARGV[2])
	return redis.call('DEL', KEYS[1])
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[3], 'PX', ARGV[4])
return 1
`)

// keys returns the names of an answer and of the ids, and what the names of answers begin with. All of a key are in one
// slot of a Redis Cluster.
func (r *redisAnswers) keys(who, id string) (keys []string, begin string) {
	ids := RedisKey(r.prefix, "answers", who)
	return []string{ids + ":" + id, ids}, ids + ":"
}

func (r *redisAnswers) begin(ctx context.Context, who, id, digest string) (*keptAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, rateTimeout)
	defer cancel()
	keys, begin := r.keys(who, id)
	answer, err := beginAnswerScript.Run(ctx, r.client, keys, digest, id, answerHeld.Milliseconds(), answersKept.Milliseconds(), r.most, begin).StringSlice()
	if err != nil {
		return nil, err
	}
	switch answer[0] {
	case "begin":
		return nil, nil
	case "wait":
		return nil, errUnderWay
	case "other":
		return nil, errOther
	}
	if len(answer) < 2 {
		return nil, errors.New("redis gave an answer that makes no sense")
	}
	var kept keptAnswer
	err = json.Unmarshal([]byte(answer[1]), &kept)
	return &kept, err
}

func (r *redisAnswers) end(ctx context.Context, who, id, digest string, kept *keptAnswer) error {
	text := ""
	if kept != nil {
		encoded, err := json.Marshal(kept)
		if err != nil {
			return err
		}
		text = string(encoded)
	}
	keys, _ := r.keys(who, id)
	return endAnswerScript.Run(ctx, r.client, keys, digest, id, text, answersKept.Milliseconds()).Err()
}
