// Package flow holds a client back while too many of its messages wait for their handlers.
package flow

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Queue is where the messages of a client wait for their handlers; *socket.Socket of the library is
// one. Enqueue runs tasks one after the other, those that messages have become among them.
type Queue interface{ Enqueue(task func()) }

// Bounds between two marks, as parts of the bounds for all that may wait.
const (
	marks           = 4
	maxMarkBytes    = 256 << 10
	tasksPerMessage = 2 // the library queues a message, and then its handler
)

// Flow holds a client back whose messages wait for their handlers. The engine cannot see how many
// do. So it puts a mark into the queues after every few messages, and when too many marks have not
// come back it reads no more, and TCP tells the client.
type Flow struct {
	mu       sync.Mutex
	change   *sync.Cond // made by the first that waits
	queues   []followed
	ended    bool // a reader does not wait any more
	released bool // no queue is followed any more

	// Held is set while the client is kept from saying more, its answers to heartbeats included.
	Held atomic.Bool

	// Since the last mark. The goroutine that reads owns them.
	messages int
	bytes    int
}

type followed struct {
	queue Queue
	out   int // marks that have not come back
}

// Follow has a queue followed, and reports whether it is a new one.
func (f *Flow) Follow(q Queue) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.released || f.index(q) >= 0 {
		return false
	}
	f.queues = append(f.queues, followed{queue: q})
	return true
}

// Queues returns the queues that are followed.
func (f *Flow) Queues() []Queue {
	f.mu.Lock()
	defer f.mu.Unlock()
	queues := make([]Queue, len(f.queues))
	for i, followed := range f.queues {
		queues[i] = followed.queue
	}
	return queues
}

// index returns where a queue is in f.queues, -1 if it is not; f.mu is held.
func (f *Flow) index(q Queue) int {
	return slices.IndexFunc(f.queues, func(other followed) bool { return other.queue == q })
}

// Unfollow forgets a queue, and reports whether it was followed.
func (f *Flow) Unfollow(q Queue) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.index(q)
	if i < 0 {
		return false
	}
	f.queues = append(f.queues[:i:i], f.queues[i+1:]...)
	f.wake()
	return true
}

// wake wakes the reader; f.mu is held.
func (f *Flow) wake() {
	if f.change != nil {
		f.change.Broadcast()
	}
}

// wait waits for wake; f.mu is held.
func (f *Flow) wait() {
	if f.change == nil {
		f.change = sync.NewCond(&f.mu)
	}
	f.change.Wait()
}

// Count counts a message.
func (f *Flow) Count(bytes int) {
	f.messages++
	f.bytes += bytes
}

// Pace returns when the client may say more: at once, or when its messages are being processed. In
// that case it calls before, waits, and returns true with Held still set.
func (f *Flow) Pace(bound int, before func()) (waited bool) {
	if f.messages < max(bound/marks, 1) && f.bytes < maxMarkBytes {
		return false
	}
	f.messages, f.bytes = 0, 0
	for _, q := range f.expect() {
		f.mark(q, tasksPerMessage)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.full() || f.ended {
		return false
	}
	f.mu.Unlock()
	before()
	f.mu.Lock()
	for f.full() && !f.ended {
		waited = true
		f.Held.Store(true)
		f.wait()
	}
	return waited
}

// expect counts a mark for each queue, and returns the queues.
func (f *Flow) expect() []Queue {
	f.mu.Lock()
	defer f.mu.Unlock()
	queues := make([]Queue, len(f.queues))
	for i := range f.queues {
		f.queues[i].out++
		queues[i] = f.queues[i].queue
	}
	return queues
}

// mark goes behind what waits in a queue as often as a message does, and then says so.
func (f *Flow) mark(q Queue, rounds int) {
	q.Enqueue(func() {
		if rounds > 1 {
			f.mark(q, rounds-1)
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		for i := range f.queues {
			if f.queues[i].queue == q && f.queues[i].out > 0 {
				f.queues[i].out--
				f.wake()
			}
		}
	})
}

func (f *Flow) full() bool {
	for i := range f.queues {
		if f.queues[i].out >= marks {
			return true
		}
	}
	return false
}

// Settle returns when the queues have processed what the client sent so far, or after limit: a
// handler may never return.
func (f *Flow) Settle(limit time.Duration) {
	for _, q := range f.expect() {
		f.mark(q, tasksPerMessage)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.pending() {
		return
	}
	expired := false
	timer := time.AfterFunc(limit, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		expired = true
		f.wake()
	})
	defer timer.Stop()
	for f.pending() && !expired {
		f.wait()
	}
}

// pending reports whether marks have not come back.
func (f *Flow) pending() bool {
	for i := range f.queues {
		if f.queues[i].out > 0 {
			return true
		}
	}
	return false
}

// End releases a reader that waits in pace. The queues stay: settle still needs them.
func (f *Flow) End() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.wake()
}

// Release drops the queues of a session that has ended, and returns how many there were.
func (f *Flow) Release() (queues int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	queues, f.queues = len(f.queues), nil
	f.released = true
	f.wake()
	return queues
}

// Sleep waits for d, or until the session ends.
func (f *Flow) Sleep(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	over := false
	timer := time.AfterFunc(d, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		over = true
		f.wake()
	})
	defer timer.Stop()
	for !over && !f.ended {
		f.wait()
	}
}
