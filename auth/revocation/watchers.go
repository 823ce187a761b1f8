package revocation

import (
	"chorus/auth/token"
	"sync"
)

// watchers are told about new revocations. The zero value has none; it is safe for concurrent use.
type watchers struct {
	mu   sync.Mutex
	next int
	fns  map[int]func(affected func(*token.Claims) bool)
}

// add returns what removes the watcher again. A call that has begun may still be running then.
func (w *watchers) add(fn func(affected func(*token.Claims) bool)) (remove func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fns == nil {
		w.fns = make(map[int]func(affected func(*token.Claims) bool))
	}
	id := w.next
	w.next++
	w.fns[id] = fn
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.fns, id)
	}
}

// call calls each watcher, holding no lock.
func (w *watchers) call(affected func(*token.Claims) bool) {
	w.mu.Lock()
	fns := make([]func(affected func(*token.Claims) bool), 0, len(w.fns))
	for _, fn := range w.fns {
		fns = append(fns, fn)
	}
	w.mu.Unlock()
	for _, fn := range fns {
		fn(affected)
	}
}
