package logging

import (
	"io"
	"sync"
	"time"
)

// maxLogQueue bounds the log lines, in bytes, that wait for an output that takes none.
const maxLogQueue = 1 << 20

// logQueue is an output for log lines that never blocks the writer: a full pipe behind standard error
// must not stop a node. Lines wait in memory; beyond maxLogQueue they are dropped and counted.
type logQueue struct {
	out io.Writer
	// report logs how many lines were dropped, once the output takes lines again.
	report func(dropped int)

	mu      sync.Mutex
	lines   [][]byte
	size    int // of the lines, in bytes
	dropped int
	empty   chan struct{} // closed when all is written; nil while nothing waits
}

// Write queues one line.
func (q *logQueue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.size+len(line) > maxLogQueue {
		q.dropped++
		return len(line), nil
	}
	q.lines = append(q.lines, append([]byte(nil), line...))
	q.size += len(line)
	if q.empty == nil {
		q.empty = make(chan struct{})
		go q.drain() // ends when nothing waits
	}
	return len(line), nil
}

// drain writes what waits.
func (q *logQueue) drain() {
	for {
		q.mu.Lock()
		lines, dropped := q.lines, 0
		q.lines = nil
		if len(lines) == 0 {
			dropped, q.dropped = q.dropped, 0
		}
		if len(lines) == 0 && dropped == 0 {
			close(q.empty)
			q.empty = nil
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		for _, line := range lines {
			_, _ = q.out.Write(line) // there is no other place to report it
			q.mu.Lock()
			q.size -= len(line)
			q.mu.Unlock()
		}
		if dropped > 0 {
			q.report(dropped)
		}
	}
}

// flush waits until all lines are written, for at most the timeout.
func (q *logQueue) flush(timeout time.Duration) {
	q.mu.Lock()
	empty := q.empty
	q.mu.Unlock()
	if empty == nil {
		return
	}
	select {
	case <-empty:
	case <-time.After(timeout):
	}
}
