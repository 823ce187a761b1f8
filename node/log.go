package node

import (
	"log/slog"
	"os"
)

// logger returns the configured logger, which writes to standard error.
func newLogger(c *Config) *slog.Logger {
	if c.Logger != nil {
		return c.Logger
	}
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Log.Level)) // Validate has refused others
	opts := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, opts))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opts))
}
