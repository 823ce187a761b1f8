// Package wheel has the timers of many owners in one structure.
package wheel

import (
	"sync"
	"time"
)

// Wheel is a ring of slots, one for each tick, with a list of
// what is due then. Setting and removing a timer costs a few pointers, and all timers together one
// goroutine.
type Wheel[T any] struct {
	tick  time.Duration
	start time.Time
	fire  func(T)

	mu    sync.Mutex
	slots []Timer[T] // heads of lists
	now   int64      // the last tick that was looked at
}

// Timer is one timer, in the list of its slot or, with next being nil, in none.
type Timer[T any] struct {
	prev, next *Timer[T]
	Owner      T // what Wheel calls fire with
}

// Bounds of a wheel: precise to a twentieth of the shortest interval, and looked at no more often
// than needed.
const (
	minTick = time.Millisecond
	maxTick = 200 * time.Millisecond
)

// New returns a wheel for times from shortest to longest. It calls fire with the owner of each timer that is due.
func New[T any](shortest, longest time.Duration, fire func(T)) *Wheel[T] {
	w := &Wheel[T]{tick: min(max(shortest/20, minTick), maxTick), start: time.Now(), fire: fire}
	w.slots = make([]Timer[T], min(int64(longest/w.tick)+2, 1<<16))
	for i := range w.slots {
		head := &w.slots[i]
		head.prev, head.next = head, head
	}
	return w
}

// Tick returns how precise the wheel is.
func (w *Wheel[T]) Tick() time.Duration { return w.tick }

// Set has the timer fire once after d, instead of when it was to fire before.
func (w *Wheel[T]) Set(t *Timer[T], d time.Duration) {
	at := int64((time.Since(w.start)+d)/w.tick) + 1
	w.mu.Lock()
	defer w.mu.Unlock()
	t.unlink()
	// One that is further away than the ring is long is looked at, and set again, before its time.
	head := &w.slots[min(max(at, w.now+1), w.now+int64(len(w.slots))-1)%int64(len(w.slots))]
	t.prev, t.next = head.prev, head
	head.prev.next, head.prev = t, t
}

// Remove keeps the timer from firing, unless it is about to.
func (w *Wheel[T]) Remove(t *Timer[T]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.unlink()
}

func (t *Timer[T]) unlink() {
	if t.next != nil {
		t.prev.next, t.next.prev = t.next, t.prev
		t.prev, t.next = nil, nil
	}
}

// Run fires timers until stop is closed.
func (w *Wheel[T]) Run(stop <-chan struct{}) {
	ticker := time.NewTicker(w.tick)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			w.advance(int64(time.Since(w.start) / w.tick))
		}
	}
}

// advance fires what is due at a tick or before.
func (w *Wheel[T]) advance(to int64) {
	for {
		due, more := w.collect(to)
		for _, t := range due {
			w.fire(t.Owner)
		}
		if !more {
			return
		}
	}
}

// collect takes what the next slot has, and reports whether there are more slots to look at.
func (w *Wheel[T]) collect(to int64) (due []*Timer[T], more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now >= to {
		return nil, false
	}
	w.now++
	head := &w.slots[w.now%int64(len(w.slots))]
	for head.next != head {
		t := head.next
		t.unlink()
		due = append(due, t)
	}
	return due, true
}
