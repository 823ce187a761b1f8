package flow

import (
	"sync"
	"testing"
	"time"
)

// manual is a queue that runs when the test says so.
type manual struct {
	mu    sync.Mutex
	tasks []func()
}

func (q *manual) Enqueue(task func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tasks = append(q.tasks, task)
}

// run runs what waits, and what comes meanwhile.
func (q *manual) run() {
	for {
		q.mu.Lock()
		if len(q.tasks) == 0 {
			q.mu.Unlock()
			return
		}
		task := q.tasks[0]
		q.tasks = q.tasks[1:]
		q.mu.Unlock()
		task()
	}
}

// inline is a queue that runs a task at once.
type inline struct{}

func (*inline) Enqueue(task func()) { task() }

// say has a client say messages until it is held back or has said them all, and returns a channel
// that is closed when it has.
func say(f *Flow, bound, messages, bytes int) (said *int, done chan struct{}) {
	said, done = new(int), make(chan struct{})
	go func() { // ends with the messages
		defer close(done)
		for range messages {
			f.mu.Lock()
			*said++
			f.mu.Unlock()
			f.Count(bytes)
			if f.Pace(bound, func() {}) {
				f.Held.Store(false)
			}
		}
	}()
	return said, done
}

func awaitHeld(t *testing.T, f *Flow) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f.Held.Load(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the client is never held back")
		}
	}
}

func awaitDone(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the client is held back for ever")
	}
}

func TestFlowHoldsAClientBack(t *testing.T) {
	for _, c := range []struct {
		name                   string
		bound, messages, bytes int
		most                   int
	}{
		{"by messages", 256, 1000, 1, 256},
		{"by bytes", 1 << 20, 1000, 100 << 10, 12},
		{"by a bound of one", 1, 1000, 1, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, q := &Flow{}, &manual{}
			f.Follow(q)
			f.Follow(q) // once is enough
			said, done := say(f, c.bound, c.messages, c.bytes)
			awaitHeld(t, f)
			f.mu.Lock()
			if *said > c.most || *said < c.most/2 {
				t.Errorf("%d messages were taken, want about %d", *said, c.most)
			}
			f.mu.Unlock()
			for finished := false; !finished; {
				q.run()
				select {
				case <-done:
					finished = true
				default:
				}
			}
			if *said != c.messages {
				t.Errorf("%d of %d messages were taken", *said, c.messages)
			}
		})
	}
}

func TestFlowLetsGo(t *testing.T) {
	for name, release := range map[string]func(*Flow, Queue){
		"with Unfollow": func(f *Flow, q Queue) { f.Unfollow(q) },
		"with the end":  func(f *Flow, _ Queue) { f.End() },
	} {
		t.Run(name, func(t *testing.T) {
			f, q := &Flow{}, &manual{}
			f.Follow(q)
			_, done := say(f, 4, 1000, 1)
			awaitHeld(t, f)
			release(f, q)
			awaitDone(t, done)
			q.run() // marks that come back late do no harm
		})
	}
}

func TestFlowWaitsForTheSlowestQueue(t *testing.T) {
	f, slow := &Flow{}, &manual{}
	f.Follow(&inline{})
	f.Follow(slow)
	_, done := say(f, 4, 100, 1)
	awaitHeld(t, f)
	f.Unfollow(slow)
	awaitDone(t, done)
}

// A mark goes behind what waits, as often as a message does: a message becomes a task, which
// becomes another.
func TestFlowMarksComeBehindTheHandlers(t *testing.T) {
	f, q := &Flow{}, &manual{}
	f.Follow(q)
	handled := 0
	for range 4 {
		q.Enqueue(func() { q.Enqueue(func() { handled++ }) })
	}
	for range marks {
		f.mark(q, tasksPerMessage)
		f.queues[0].out++
	}
	for f.full() {
		q.mu.Lock()
		task := q.tasks[0]
		q.tasks = q.tasks[1:]
		q.mu.Unlock()
		task()
	}
	if handled != 4 {
		t.Errorf("%d of 4 messages were handled when the client was let go", handled)
	}
}

func TestFlowWithoutQueues(t *testing.T) {
	f := &Flow{}
	_, done := say(f, 1, 1000, 1<<20)
	awaitDone(t, done)
}
