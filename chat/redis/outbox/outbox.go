package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"chorus/chat/notice"
	"chorus/chat/redis/script"

	"github.com/redis/go-redis/v9"
)

// In a Redis Cluster a script cannot write to the stream of a target, which is in another slot. It adds notices to a list
// of the room instead, in the same step. Then a node moves them to the streams; one node at a time does so for a room.
// What a node that died has left there is moved with the next notice about the room, or when its users are removed.

const (
	outboxAtOnce = 100             // notices
	outboxLock   = 5 * time.Second // a node that died has the lock for so long at most
	outboxPause  = time.Second     // between attempts
	outboxRooms  = 100_000         // that wait for Redis
)

// Options configure newOutbox.
type Options struct {
	Calls     *script.Calls
	Keys      script.Keys
	Node      string         // id of this node
	Malformed *atomic.Uint64 // notices that were not understood
}

// Outbox moves the notices of rooms.
type Outbox struct {
	opts Options
	wake chan struct{} // holds one

	mu    sync.Mutex
	rooms map[string]bool
}

// New returns an outbox. Run begins its work.
func New(opts Options) *Outbox {
	return &Outbox{opts: opts, wake: make(chan struct{}, 1), rooms: make(map[string]bool)}
}

// Add has the notices of a room moved soon.
func (o *Outbox) Add(room string) {
	o.mu.Lock()
	if len(o.rooms) < outboxRooms { // else the next notice about the room finds what is there
		o.rooms[room] = true
	}
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

// Run is the goroutine.
func (o *Outbox) Run(ctx context.Context) {
	retry := time.NewTicker(outboxPause)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		case <-retry.C:
		}
		o.mu.Lock()
		rooms := o.rooms
		o.rooms = make(map[string]bool)
		o.mu.Unlock()
		for room := range rooms {
			if err := o.move(ctx, room); err != nil {
				o.mu.Lock()
				o.rooms[room] = true
				o.mu.Unlock()
			}
		}
	}
}

// takeScript: KEYS[1] the list, KEYS[2] its lock, ARGV 1 who, 2 milliseconds, 3 how many were moved, 4 how many are
// wanted. The answer is whether the caller has the lock, then notices. Without any the lock is given back.
var takeScript = redis.NewScript(`
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then return {0} end
if holder and ARGV[3] ~= '0' then redis.call('LTRIM', KEYS[1], ARGV[3], -1) end
local found = redis.call('LRANGE', KEYS[1], 0, tonumber(ARGV[4]) - 1)
if #found == 0 then
	redis.call('DEL', KEYS[2])
else
	redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
end
return {1, unpack(found)}
`)

// putScript: KEYS[1] is a key of the target, ARGV 1 the target, 2 the notice.
var putScript = redis.NewScript(notice.PutLua + `
put(cjson.decode(ARGV[1]), cjson.decode(ARGV[2]))
return 1
`)

// outgoing is a notice in the list of a room.
type outgoing struct {
	ID   string              `json:"id"`
	Kind string              `json:"kind"`
	At   string              `json:"at"`
	Seq  string              `json:"seq"`
	Key  string              `json:"key"`
	Fold string              `json:"fold"`
	Data string              `json:"data"`
	To   []notice.SpecTarget `json:"to,omitempty"`
}

// move moves the notices of a room to the streams. A node that dies in between leaves them, and they come again with the
// same id.
func (o *Outbox) move(ctx context.Context, room string) error {
	list := o.opts.Keys.Of("out", room)
	moved := 0
	for {
		cmd, err := o.opts.Calls.Do(ctx, takeScript, []string{list, list + ":lock"}, o.opts.Node, outboxLock.Milliseconds(), moved, outboxAtOnce)
		if err != nil {
			return err
		}
		answer, err := cmd.Slice()
		if err != nil || len(answer) < 2 {
			if len(answer) == 1 && answer[0] == int64(0) {
				return errOutboxLocked // look again: the holder may have died
			}
			return err
		}
		moved = 0
		for _, item := range answer[1:] {
			text, _ := item.(string)
			if err := o.put(ctx, text); err != nil {
				return err
			}
			moved++
		}
	}
}

func (o *Outbox) put(ctx context.Context, text string) error {
	var n outgoing
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		o.opts.Malformed.Add(1)
		return nil //nolint:nilerr // it would never be understood
	}
	to := n.To
	n.To = nil
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	for _, target := range to {
		spec, err := json.Marshal(target)
		if err != nil {
			return err
		}
		if _, err := o.opts.Calls.Do(ctx, putScript, []string{target.Key + ":events"}, spec, body); err != nil {
			return err
		}
	}
	return nil
}

// errOutboxLocked means that another node moves the notices of a room.
var errOutboxLocked = errors.New("chat: another node moves the notices of this room")
