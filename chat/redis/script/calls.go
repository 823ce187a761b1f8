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

// MaxWaiting is how many calls wait for Redis; beyond them new ones are refused.
const MaxWaiting = 10_000

const maxBatch = 256 // calls sent at once

// Call is one run of a script.
type Call struct {
	script *redis.Script
	keys   []string
	args   []any
	answer func(*redis.Cmd) // must not block
	later  func() []*Call   // what is sent in its place, known when it is its turn; nil for the call itself
	done   chan *redis.Cmd  // holds one
}

// NewCall returns a call for Later. answer gets the outcome and must not block.
func NewCall(script *redis.Script, keys []string, args []any, answer func(*redis.Cmd)) *Call {
	return &Call{script: script, keys: keys, args: args, answer: answer}
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
	return &Calls{client: client, overloaded: overloaded, errors: failed, queue: make(chan *Call, MaxWaiting), closed: make(chan struct{})}
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
	done := make(chan *redis.Cmd, 1)
	own := &Call{script: script, keys: keys, args: args, done: done, answer: func(cmd *redis.Cmd) { done <- cmd }}
	return own, c.add(own)
}

// Later has the calls sent that fn returns when it is their turn, so that what comes until then can be in them. fn must not
// block.
func (c *Calls) Later(fn func() []*Call) error { return c.add(&Call{later: fn}) }

func (c *Calls) add(own *Call) error {
	select {
	case c.queue <- own:
		return nil
	default:
		return c.Overloaded()
	}
}

// Overloaded counts something that is refused, since too much waits.
func (c *Calls) Overloaded() error {
	c.overloaded.Add(1)
	return store.ErrOverloaded
}

// Failed counts the failure of a call, and returns its error.
func (c *Calls) Failed(cmd *redis.Cmd) error {
	if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) {
		c.errors.Add(1)
		return Unavailable(err)
	}
	return nil
}

// Closed is closed when nothing is sent any more.
func (c *Calls) Closed() <-chan struct{} { return c.closed }

// Wait returns the answer to a script.
func (c *Calls) Wait(ctx context.Context, own *Call) (*redis.Cmd, error) {
	select {
	case cmd := <-own.done:
		return cmd, c.Failed(cmd)
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
		c.send(context.WithoutCancel(ctx), due(batch))
	}
}

// due puts what is known now in the place of calls that waited for their turn.
func due(batch []*Call) []*Call {
	calls := make([]*Call, 0, len(batch))
	for _, own := range batch {
		if own.later != nil {
			calls = append(calls, own.later()...)
		} else {
			calls = append(calls, own)
		}
	}
	return calls
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
		batch[i].answer(cmd)
	}
	if len(again) == 0 {
		return
	}
	for i, cmd := range c.pipeline(ctx, again, (*redis.Script).Eval) {
		again[i].answer(cmd)
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
