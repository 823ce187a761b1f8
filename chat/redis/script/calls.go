package script

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"chorus/chat/store"

	"github.com/redis/go-redis/v9"
)

const (
	maxWaiting = 10_000 // calls that wait for Redis; beyond them new ones are refused
	maxBatch   = 256    // calls sent at once
)

// Call is one run of a script.
type Call struct {
	script *redis.Script
	keys   []string
	args   []any
	done   chan *redis.Cmd // holds one
}

// Calls sends scripts to Redis in the order in which they come. One goroutine takes all that wait and sends them at
// once; meanwhile the next ones gather. So a node under load needs few round trips, and what one client sends in order
// stays in order.
type Calls struct {
	client redis.UniversalClient

	overloaded, errors *atomic.Uint64 // calls that were refused, and that failed

	queue  chan *Call
	closed chan struct{}
}

// New returns what sends scripts with a client. run begins its work.
func New(client redis.UniversalClient, overloaded, failed *atomic.Uint64) *Calls {
	return &Calls{client: client, overloaded: overloaded, errors: failed, queue: make(chan *Call, maxWaiting), closed: make(chan struct{})}
}

// Do runs a script and waits for its answer.
func (c *Calls) Do(ctx context.Context, script *redis.Script, keys []string, args ...any) (*redis.Cmd, error) {
	own, err := c.Push(script, keys, args...)
	if err != nil {
		return nil, err
	}
	return c.Wait(ctx, own)
}

// Push has a script run, behind those before it. It does not block.
func (c *Calls) Push(script *redis.Script, keys []string, args ...any) (*Call, error) {
	own := &Call{script, keys, args, make(chan *redis.Cmd, 1)}
	select {
	case c.queue <- own:
		return own, nil
	default:
		c.overloaded.Add(1)
		return nil, store.ErrOverloaded
	}
}

// Wait returns the answer to a script.
func (c *Calls) Wait(ctx context.Context, own *Call) (*redis.Cmd, error) {
	select {
	case cmd := <-own.done:
		if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) {
			c.errors.Add(1)
			return nil, Unavailable(err)
		}
		return cmd, nil
	case <-ctx.Done():
		return nil, Unavailable(ctx.Err())
	case <-c.closed:
		return nil, store.ErrUnavailable
	}
}

// Unavailable wraps an error of Redis.
func Unavailable(err error) error {
	if err == nil {
		return store.ErrUnavailable
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// Run is the goroutine.
func (c *Calls) Run(ctx context.Context) {
	batch := make([]*Call, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case <-ctx.Done():
			close(c.closed)
			return
		case first := <-c.queue:
			batch = append(batch, first)
		}
	gather:
		for len(batch) < maxBatch {
			select {
			case next := <-c.queue:
				batch = append(batch, next)
			default:
				break gather
			}
		}
		c.send(context.WithoutCancel(ctx), batch)
	}
}

// send runs a batch. A script that Redis does not know is sent again with its text.
func (c *Calls) send(ctx context.Context, batch []*Call) {
	cmds := c.pipeline(ctx, batch, (*redis.Script).EvalSha)
	var again []*Call
	for i, cmd := range cmds {
		if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			again = append(again, batch[i])
			continue
		}
		batch[i].done <- cmd
	}
	if len(again) == 0 {
		return
	}
	for i, cmd := range c.pipeline(ctx, again, (*redis.Script).Eval) {
		again[i].done <- cmd
	}
}

func (c *Calls) pipeline(ctx context.Context, batch []*Call, eval func(*redis.Script, context.Context, redis.Scripter, []string, ...any) *redis.Cmd) []*redis.Cmd {
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	cmds := make([]*redis.Cmd, len(batch))
	_, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, own := range batch {
			cmds[i] = eval(own.script, ctx, p, own.keys, own.args...)
		}
		return nil
	})
	for _, cmd := range cmds {
		if err != nil && cmd.Err() == nil && cmd.Val() == nil {
			cmd.SetErr(err)
		}
	}
	return cmds
}

// CallTimeout bounds what Redis may take for a call.
const CallTimeout = time.Second
