package auth

import (
	"log/slog"
	"time"
)

// complaintInterval is the time between two lines in the log about the same: whoever can write to Redis must
// not fill the disk of every node.
const complaintInterval = time.Minute

// complaints logs what was not understood, at most once in a while. It belongs to one goroutine.
type complaints struct {
	log   *slog.Logger
	last  time.Time
	since int
}

// add never logs what was not understood: it may be a part of a token.
func (c *complaints) add(where string, err error) {
	c.since++
	if now := time.Now(); now.Sub(c.last) >= complaintInterval {
		c.log.Warn("malformed data on redis ignored",
			slog.String("where", where), slog.Any("error", err), slog.Int("since_last_report", c.since))
		c.last, c.since = now, 0
	}
}
