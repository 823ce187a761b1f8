package link

import (
	"bytes"
	"sync"
)

// behind is how a link without a descriptor of its own is written to, as with TLS: by a goroutine
// that lives as long as one write, so that the shard does not wait.
type behind struct {
	mu      sync.Mutex
	written chan struct{} // closed when the write under way has ended; nil: there is none
	last    []byte        // to be written after it
	failed  error
}

// MaxBehindBytes is how much a link without a descriptor takes at once: as much as a socket's
// buffer has room for, about.
const MaxBehindBytes = 256 << 10

// writeBehind takes what it has room for, which is nothing while an earlier write is under way.
func (l *Link) writeBehind(p []byte) (int, error) {
	b := l.behind
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.failed != nil:
		return 0, b.failed
	case b.written != nil:
		return 0, ErrBlocked
	}
	n := min(len(p), MaxBehindBytes)
	l.begin(bytes.Clone(p[:n]), false)
	if n < len(p) {
		return n, ErrBlocked
	}
	return n, nil
}

// endBehind has p written after what is being written, and then the connection's writing side closed.
func (l *Link) endBehind(p []byte) error {
	b := l.behind
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.failed != nil:
		return b.failed
	case b.written != nil:
		b.last = p
	default:
		l.begin(p, true)
	}
	return nil
}

// begin begins a write; b.mu is held.
func (l *Link) begin(p []byte, last bool) {
	l.behind.written = make(chan struct{})
	l.group.goroutines.Go(func() { l.writeAll(p, last) }) // ends with the write, which ends with the connection
}

func (l *Link) writeAll(p []byte, last bool) {
	b := l.behind
	for p != nil {
		_, err := l.Write(p)
		b.mu.Lock()
		p, b.last = b.last, nil
		if err != nil {
			p, b.failed = nil, err
		}
		if p == nil {
			close(b.written)
			b.written = nil
		} else {
			last = true
		}
		b.mu.Unlock()
	}
	if last {
		l.closeWrite()
	}
}

// underWay returns what is closed when the write under way has ended, nil when there is none.
func (b *behind) underWay() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.written
}
