package engine

import (
	"bytes"
	"sync"
)

// behind is how a link without a descriptor of its own is written to, as with TLS: by a goroutine
// that lives as long as one write, so that the shard does not wait.
type behind struct {
	goes *sync.WaitGroup // the server's

	mu      sync.Mutex
	written chan struct{} // closed when the write under way has ended; nil: there is none
	last    []byte        // to be written after it
	failed  error
}

// maxBehindBytes is how much a link without a descriptor takes at once: as much as a socket's
// buffer has room for, about.
const maxBehindBytes = 256 << 10

// writeBehind takes what it has room for, which is nothing while an earlier write is under way.
func (l *link) writeBehind(p []byte) (int, error) {
	b := &l.behind
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.failed != nil:
		return 0, b.failed
	case b.written != nil:
		return 0, errBlocked
	}
	n := min(len(p), maxBehindBytes)
	taken := bytes.Clone(p[:n])
	b.written = make(chan struct{})
	b.goes.Go(func() { l.writeAll(taken) }) // ends with the write, which ends with the connection
	if n < len(p) {
		return n, errBlocked
	}
	return n, nil
}

// append has p written after what is being written, and reports whether something is.
func (b *behind) append(p []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.written == nil {
		return false
	}
	b.last = p
	return true
}

// underWay returns what is closed when the write under way has ended, nil when there is none.
func (b *behind) underWay() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.written
}

func (l *link) writeAll(p []byte) {
	b := &l.behind
	for p != nil {
		_, err := l.conn.Write(p)
		b.mu.Lock()
		p, b.last = b.last, nil
		if err != nil {
			p, b.failed = nil, err
		}
		if p == nil {
			close(b.written)
			b.written = nil
		}
		b.mu.Unlock()
	}
	if l.finished.Load() {
		l.closeWrite()
	}
}
