// Package logging is the log of a node. A full pipe behind standard error never stops the node, and what others can cause
// does not fill the disk.
package logging

import (
	"chorus/node/config"
	"io"
	"log/slog"
	"os"
	"time"
)

// Log is the log of a node.
type Log struct {
	// Logger limits how many lines of one kind it logs. The parts of the node use it.
	*slog.Logger
	// Program has no limits: the lines of the program that the node is part of go there.
	Program *slog.Logger
	limits  *logLimits
	queue   *logQueue // nil when Config.Logger takes the lines
	level   *slog.LevelVar
}

// New returns the log that the configuration asks for. It writes to standard error without ever
// waiting for it.
func New(cfg *config.Config) *Log {
	l := &Log{Program: cfg.Logger, level: new(slog.LevelVar)}
	l.SetLevel(cfg.Log.Level)
	if l.Program == nil {
		l.queue = &logQueue{out: os.Stderr}
		l.Program = slog.New(logHandler(cfg, l.queue, l.level))
		l.queue.report = func(dropped int) {
			l.Program.Warn("log lines were dropped: standard error did not take them", slog.Int("dropped", dropped))
		}
	}
	handler := newLimitedHandler(l.Program.Handler())
	l.Logger, l.limits = slog.New(handler), handler.limits
	return l
}

// SetLevel changes the least severe lines of the log.
func (l *Log) SetLevel(name string) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(name)) // Validate has refused others
	l.level.Set(level)
}

// flushTimeout bounds how long the end of a node waits for an output that takes no lines.
const flushTimeout = time.Second

// Flush reports what was not logged, and waits for the output to take all lines.
func (l *Log) Flush() {
	l.ReportLimited()
	if l.queue != nil {
		l.queue.flush(flushTimeout)
	}
}

// ReportLimited logs how many lines were not logged.
func (l *Log) ReportLimited() { l.limits.flush() }

// NewLogger returns the configured logger for a program that is not a node.
func NewLogger(c *config.Config) *slog.Logger {
	if c.Logger != nil {
		return c.Logger
	}
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Log.Level)) // Validate has refused others
	return slog.New(logHandler(c, os.Stderr, level))
}

func logHandler(c *config.Config, out io.Writer, level slog.Leveler) slog.Handler {
	opts := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "json" {
		return slog.NewJSONHandler(out, opts)
	}
	return slog.NewTextHandler(out, opts)
}
