package logging

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"
)

const (
	// logLimit is how many lines of one kind the node logs in each logWindow.
	logLimit  = 5
	logWindow = time.Second
	// maxLogKinds bounds the memory for kinds; the kinds beyond share one limit.
	maxLogKinds = 256
)

// logKind is what lines have in common that differ only in their details: the message, and the value
// of the attribute "code".
type logKind struct{ message, code string }

// logLimits limits how many lines of one kind are logged: what others can cause must not fill the
// disk. Lines of level debug are not limited: an operator asked for each of them.
type logLimits struct {
	mu    sync.Mutex
	kinds map[logKind]*logWindowState
}

// logWindowState counts the lines of one kind in the current window.
type logWindowState struct {
	began time.Time
	lines int
	left  int            // lines that were not logged
	last  func(left int) // logs the last of them, with the count of the others
	timer *time.Timer    // calls it at the end of the window
}

// limitedHandler passes lines within the limits on to another handler.
type limitedHandler struct {
	slog.Handler
	limits *logLimits
}

func newLimitedHandler(next slog.Handler) *limitedHandler {
	return &limitedHandler{Handler: next, limits: &logLimits{kinds: make(map[logKind]*logWindowState)}}
}

// WithAttrs implements slog.Handler.
func (h *limitedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &limitedHandler{Handler: h.Handler.WithAttrs(attrs), limits: h.limits}
}

// WithGroup implements slog.Handler.
func (h *limitedHandler) WithGroup(name string) slog.Handler {
	return &limitedHandler{Handler: h.Handler.WithGroup(name), limits: h.limits}
}

// Handle implements slog.Handler.
func (h *limitedHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo || h.limits.take(ctx, r, h.Handler) {
		return h.Handler.Handle(ctx, r)
	}
	return nil
}

func kindOf(r *slog.Record) logKind {
	kind := logKind{message: r.Message}
	r.Attrs(func(attr slog.Attr) bool {
		if attr.Key == "code" {
			kind.code = attr.Value.String()
			return false
		}
		return true
	})
	return kind
}

// take reports whether a line is within its limit. Else it is counted.
func (l *logLimits) take(ctx context.Context, r slog.Record, next slog.Handler) bool {
	kind, ctx := kindOf(&r), context.WithoutCancel(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	state := l.kinds[kind]
	if state == nil && len(l.kinds) >= maxLogKinds {
		maps.DeleteFunc(l.kinds, func(_ logKind, s *logWindowState) bool { return s.timer == nil && time.Since(s.began) > logWindow })
		if len(l.kinds) >= maxLogKinds {
			kind = logKind{}
			state = l.kinds[kind]
		}
	}
	if state == nil {
		state = &logWindowState{}
		l.kinds[kind] = state
	}
	if state.timer == nil && time.Since(state.began) >= logWindow {
		state.began, state.lines = time.Now(), 0
	}
	if state.lines < logLimit {
		state.lines++
		return true
	}
	state.left++
	state.last = func(left int) {
		r := r.Clone()
		r.AddAttrs(slog.Int("not_logged", left))
		_ = next.Handle(ctx, r) // there is no other place to report it
	}
	if state.timer == nil {
		state.timer = time.AfterFunc(time.Until(state.began.Add(logWindow)), func() { l.report(state) })
	}
	return false
}

// report logs the last line that was left out in a window, with the count of all of them.
func (l *logLimits) report(state *logWindowState) {
	l.mu.Lock()
	left, last := state.left, state.last
	*state = logWindowState{began: time.Now(), lines: 1}
	l.mu.Unlock()
	if left > 0 {
		last(left - 1)
	}
}

// flush reports the lines that were left out in the current windows.
func (l *logLimits) flush() {
	l.mu.Lock()
	var pending []*logWindowState
	for _, state := range l.kinds {
		if state.timer != nil && state.timer.Stop() {
			pending = append(pending, state)
		}
	}
	l.mu.Unlock()
	for _, state := range pending {
		l.report(state)
	}
}
