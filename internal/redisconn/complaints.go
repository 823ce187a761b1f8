package redisconn

import (
	"log/slog"
	"sync"
	"time"
)

// complaintInterval is the time between two lines in the log about the same.
const complaintInterval = time.Minute

// Complaints logs what went wrong, at most once a minute: a program that writes to Redis must not fill the disk of
// every node. It is safe for concurrent use.
type Complaints struct {
	Log     *slog.Logger
	Message string // of each line

	mu    sync.Mutex
	last  time.Time
	since int
}

// Add counts n more, and logs them when the time has come, with what slog.Attr tell of the last. An error in it must
// not repeat what was not understood where that may be secret.
func (c *Complaints) Add(n int, last ...any) {
	c.mu.Lock()
	c.since += n
	since := c.since
	now := time.Now()
	due := now.Sub(c.last) >= complaintInterval
	if due {
		c.last, c.since = now, 0
	}
	c.mu.Unlock()
	if due {
		c.Log.Warn(c.Message, append(last, slog.Int("since_last_report", since))...)
	}
}
