package bench

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// clock is the time of a run, in nanoseconds since its beginning.
type clock struct{ begin time.Time }

func (c clock) now() int64 { return int64(time.Since(c.begin)) }

// longestSleep is how long a sleeper does not look at its context.
const longestSleep = 50 * time.Millisecond

// sleepUntil waits for a moment, or for the end of ctx, whose error it returns.
func (c clock) sleepUntil(ctx context.Context, moment int64) error {
	for {
		left := moment - c.now()
		if err := ctx.Err(); err != nil || left <= 0 {
			return err
		}
		sleep(min(time.Duration(left), longestSleep))
	}
}

// never is a moment that does not come.
const never = math.MaxInt64

// window is the part of a run that is measured. Before it is set, it is in the far future.
type window struct{ from, until atomic.Int64 }

func newWindow() *window {
	w := &window{}
	w.set(never, never)
	return w
}

func (w *window) set(from, until int64) {
	w.until.Store(until)
	w.from.Store(from)
}

func (w *window) has(t int64) bool { return t >= w.from.Load() && t < w.until.Load() }

// before tells whether the window has not ended at t.
func (w *window) before(t int64) bool { return t < w.until.Load() }
