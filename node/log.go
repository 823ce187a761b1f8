package node

import (
	"io"
	"log/slog"
	"os"
	"time"
)

// nodeLog is the log of a node.
type nodeLog struct {
	// Logger limits how many lines of one kind it logs. The parts of the node use it.
	*slog.Logger
	// program has no limits: the lines of the program that the node is part of go there.
	program *slog.Logger
	limits  *logLimits
	queue   *logQueue // nil when Config.Logger takes the lines
	level   *slog.LevelVar
}

// newLog returns the log that the configuration asks for. It writes to standard error without ever
// waiting for it.
func newLog(cfg *Config) *nodeLog {
	l := &nodeLog{program: cfg.Logger, level: new(slog.LevelVar)}
	l.setLevel(cfg.Log.Level)
	if l.program == nil {
		l.queue = &logQueue{out: os.Stderr}
		l.program = slog.New(logHandler(cfg, l.queue, l.level))
		l.queue.report = func(dropped int) {
			l.program.Warn("log lines were dropped: standard error did not take them", slog.Int("dropped", dropped))
		}
	}
	handler := newLimitedHandler(l.program.Handler())
	l.Logger, l.limits = slog.New(handler), handler.limits
	return l
}

// setLevel changes the least severe lines of the log.
func (l *nodeLog) setLevel(name string) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(name)) // Validate has refused others
	l.level.Set(level)
}

// flushTimeout bounds how long the end of a node waits for an output that takes no lines.
const flushTimeout = time.Second

// flush reports what was not logged, and waits for the output to take all lines.
func (l *nodeLog) flush() {
	l.limits.flush()
	if l.queue != nil {
		l.queue.flush(flushTimeout)
	}
}

// newLogger returns the configured logger for a program that is not a node.
func newLogger(c *Config) *slog.Logger {
	if c.Logger != nil {
		return c.Logger
	}
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Log.Level)) // Validate has refused others
	return slog.New(logHandler(c, os.Stderr, level))
}

func logHandler(c *Config, out io.Writer, level slog.Leveler) slog.Handler {
	opts := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "json" {
		return slog.NewJSONHandler(out, opts)
	}
	return slog.NewTextHandler(out, opts)
}
