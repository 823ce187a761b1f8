package redisconn

import (
	"log/slog"
	"time"
)

// complaintInterval is the time between two lines in the log about the same.
const complaintInterval = time.Minute

// Complaints logs what went wrong, at most once a minute: whoever can write to Redis must not fill the disk of
// every node. It belongs to one goroutine.
type Complaints struct {
	Log     *slog.Logger
	Message string // of each line

	last  time.Time
	since int
}

// Add counts n more, and logs them when the time has come, with what slog.Attr tell of the last. An error in it must
// not repeat what was not understood where that may be secret.
func (c *Complaints) Add(n int, last ...any) {
	c.since += n
	if now := time.Now(); now.Sub(c.last) >= complaintInterval {
		c.Log.Warn(c.Message, append(last, slog.Int("since_last_report", c.since))...)
		c.last, c.since = now, 0
	}
}
