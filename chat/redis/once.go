package redis

import (
	"context"
	"fmt"
	"time"

	"chorus/chat/redis/script"
	"chorus/chat/store"

	"github.com/redis/go-redis/v9"
)

const (
	onceHeld = 10 * time.Second      // how long a thing is under way at most
	oncePoll = 50 * time.Millisecond // between two looks at a thing that another does
)

// beginScript: KEYS[1] the thing, ARGV 1 digest, 2 milliseconds. It holds "?digest" while it is under way, then
// "=digest answer".
var beginScript = redis.NewScript(`
local state = redis.call('GET', KEYS[1])
if not state then
	redis.call('SET', KEYS[1], '?' .. ARGV[1], 'PX', ARGV[2])
	return {'begin'}
end
local digest = string.match(state, '^.(%S*)')
if digest ~= ARGV[1] then return {'conflict'} end
if string.sub(state, 1, 1) == '?' then return {'wait'} end
return {'done', string.sub(state, 3 + #digest)}
`)

// Begin implements store.Once.
func (s *Store) Begin(ctx context.Context, key, digest string, _ time.Duration) ([]byte, error) {
	end := time.Now().Add(onceHeld)
	poll := time.NewTicker(oncePoll)
	defer poll.Stop()
	for {
		answer, err := s.strings(ctx, beginScript, []string{s.keys.Of("once", key)}, []any{digest, onceHeld.Milliseconds()})
		if err != nil {
			return nil, err
		}
		switch answer[0] {
		case "begin":
			return nil, nil
		case "done":
			return []byte(answer[1]), nil
		case "conflict":
			return nil, &store.ConflictError{Reason: "the id is that of another message"}
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("%w: it has been under way for too long", store.ErrUnavailable)
		}
		select {
		case <-ctx.Done():
			return nil, script.Unavailable(ctx.Err())
		case <-poll.C:
		}
	}
}

// finishScript: KEYS[1] the thing, ARGV 1 the state or "", 2 milliseconds.
var finishScript = redis.NewScript(`
if ARGV[1] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`)

// Finish implements store.Once.
func (s *Store) Finish(ctx context.Context, key, digest string, answer []byte, keep time.Duration) error {
	state := ""
	if answer != nil {
		state = "=" + digest + " " + string(answer)
	}
	_, err := s.calls.Do(ctx, finishScript, []string{s.keys.Of("once", key)}, state, max(keep.Milliseconds(), 1))
	return err
}
