package node_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
)

// capture is the log of a node, kept line by line.
type capture struct {
	mu    sync.Mutex
	lines []map[string]any
}

// Write takes one line of JSON.
func (c *capture) Write(line []byte) (int, error) {
	var attrs map[string]any
	if err := json.Unmarshal(bytes.TrimSpace(line), &attrs); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, attrs)
	return len(line), nil
}

func (c *capture) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(c, &slog.HandlerOptions{Level: level}))
}

// find returns the lines with all of these attributes.
func (c *capture) find(want map[string]any) []map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []map[string]any
	for _, line := range c.lines {
		fits := true
		for name, value := range want {
			fits = fits && line[name] == value
		}
		if fits {
			found = append(found, line)
		}
	}
	return found
}

// await returns the first line with these attributes.
func (c *capture) await(t *testing.T, want map[string]any) map[string]any {
	t.Helper()
	eventually(t, "the log has the line", func() bool { return len(c.find(want)) > 0 })
	return c.find(want)[0]
}
