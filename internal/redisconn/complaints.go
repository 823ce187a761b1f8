package redisconn

import (
	"log/slog"
	"time"
)

// complaintInterval is the time between two lines in the log about the same.
const complaintInterval = time.Minute

// Complaints logs what was not understood, at most once a minute: whoever can write to Redis must not fill the
// disk of every node. It belongs to one goroutine.
type Complaints struct {
	Log     *slog.Logger
	Message string // of each line

	last  time.Time
	since int
}

// Add counts one, and logs it when the time has come. The error must not repeat what was not understood where
// that may be secret.
func (c *Complaints) Add(where slog.Attr, err error) {
	c.since++
	if now := time.Now(); now.Sub(c.last) >= complaintInterval {
		c.Log.Warn(c.Message, where, slog.Any("error", err), slog.Int("since_last_report", c.since))
		c.last, c.since = now, 0
	}
}
