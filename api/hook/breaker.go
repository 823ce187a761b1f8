package hook

import (
	"sync"
	"time"
)

// Bounds of the circuit breaker.
const (
	breakAfter = 5 // failures in a row
	minPause   = time.Second
	maxPause   = 30 * time.Second
)

// breaker keeps questions back while the hook fails, so that clients need not wait for a timeout. After a pause it lets
// one question through; each that fails doubles the pause.
type breaker struct {
	changed func(open bool, pause time.Duration)

	mu       sync.Mutex
	failures int // in a row
	pause    time.Duration
	until    time.Time
	probing  bool // one question is under way to see whether the hook is back
}

// isOpen reports whether nothing is asked at this time.
func (b *breaker) isOpen(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures >= breakAfter && (b.probing || now.Before(b.until))
}

// enter reports whether a question may be asked. Then succeed or fail must follow.
func (b *breaker) enter(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < breakAfter {
		return true
	}
	if b.probing || now.Before(b.until) {
		return false
	}
	b.probing = true
	return true
}

func (b *breaker) succeed() {
	b.mu.Lock()
	was := b.failures >= breakAfter
	b.failures, b.pause, b.probing = 0, 0, false
	b.mu.Unlock()
	if was {
		b.changed(false, 0)
	}
}

func (b *breaker) fail(now time.Time) {
	b.mu.Lock()
	b.failures++
	b.probing = false
	opens := b.failures >= breakAfter && !now.Before(b.until)
	if opens {
		b.pause = min(max(2*b.pause, minPause), maxPause)
		b.until = now.Add(b.pause)
	}
	pause, first := b.pause, b.failures == breakAfter
	b.mu.Unlock()
	if opens && first {
		b.changed(true, pause)
	}
}
