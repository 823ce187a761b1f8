package webhook

import (
	"math/rand/v2"
	"time"
)

// Bounds of the time between two attempts.
const (
	minBackoff = time.Second
	maxBackoff = 10 * time.Minute
	maxProbe   = time.Minute // between two requests to a target that is down
)

// backoff returns how long to wait after so many attempts: it doubles, with a random part so that what failed together is
// not tried again together.
func backoff(attempts int) time.Duration {
	wait := maxBackoff
	if attempts < 11 { // 2^10 s is more than the most
		wait = minBackoff << (max(attempts, 1) - 1)
	}
	return min(wait+rand.N(wait/2), maxBackoff) //nolint:gosec // it need not be a secret
}

// waiting are lines by the time of their next attempt; see container/heap.
type waiting []*line

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i].due.Before(w[j].due) }
func (w waiting) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }

// Push implements heap.Interface.
func (w *waiting) Push(x any) {
	l, _ := x.(*line)
	*w = append(*w, l)
}

// Pop implements heap.Interface.
func (w *waiting) Pop() any {
	last := len(*w) - 1
	l := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	return l
}
