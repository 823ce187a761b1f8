package engine

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chorus/engine/link"
)

// idle returns a shard that does not run: the test is who is at work.
func idle(t *testing.T) *shard {
	t.Helper()
	s := newShard(&Server{opts: Options{}.withDefaults()})
	s.busy = true
	return s
}

func text(s string) *Message { return NewMessage(MessageOptions{}, Part{Data: []byte(s)}) }

func awaitDone(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the sender waits for ever")
	}
}

func TestInboxBoundMakesTheSenderWait(t *testing.T) {
	large := text(strings.Repeat("x", maxInboxBytes/4))
	for _, c := range []struct {
		name    string
		message *Message
		fits    int
	}{
		{"entries", text("x"), maxInbox},
		{"bytes", large, 4},
	} {
		for name, release := range map[string]func(*shard){
			"until the shard has caught up": func(s *shard) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.take()
			},
			"until the end": (*shard).stop,
		} {
			t.Run(c.name+", "+name, func(t *testing.T) {
				s := idle(t)
				var sent atomic.Int64
				done := make(chan struct{})
				go func() { // ends with the last message
					defer close(done)
					for range c.fits + 1 {
						s.push(entry{conn: &Conn{}, msg: c.message})
						sent.Add(1)
					}
				}()
				for end := time.Now().Add(10 * time.Second); sent.Load() < int64(c.fits) && time.Now().Before(end); {
					time.Sleep(time.Millisecond)
				}
				select {
				case <-done:
					t.Fatal("the sender does not wait")
				case <-time.After(20 * time.Millisecond): // it would have been done long ago
				}
				s.do(&Conn{}, func(*shard, *Conn) {}) // which does not wait
				release(s)
				awaitDone(t, done)
			})
		}
	}
}

// sink is a connection that takes everything.
type sink struct {
	net.Conn
	bytes atomic.Int64
}

func (s *sink) Write(p []byte) (int, error) {
	s.bytes.Add(int64(len(p)))
	return len(p), nil
}

// When every connection gets something of its own between broadcasts, each gets bytes of its own.
// One batch of them may not take the inbox times the connections.
func TestSweepIsBounded(t *testing.T) {
	const conns, messages, size = 64, 300, 10_000
	s := idle(t)
	s.server.opts.MaxBuffer = 1 << 30 // what they refer to is the same for all
	var goes sync.WaitGroup
	sinks := make([]*sink, conns)
	list := make([]*Conn, conns)
	for i := range list {
		sinks[i] = &sink{}
		list[i] = &Conn{shard: s, server: s.server}
		list[i].out.socket = &webSocket{}
		list[i].out.socket.Init(sinks[i], link.NewGroup(&goes), nil)
	}
	batch := make([]entry, 0, conns+messages)
	want := int64(0)
	for i, c := range list {
		batch = append(batch, entry{conn: c, msg: text(fmt.Sprint("own ", i))})
	}
	for range messages {
		m := text(strings.Repeat("x", size))
		want += int64(m.Size())
		batch = append(batch, entry{msg: m, lists: [][]*Conn{list}})
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s.sweep(batch)
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapInuse) - int64(before.HeapInuse)
	goes.Wait()
	// A link without descriptor takes 256 KiB at once and refers to the rest.
	if bound := int64(8*maxJoinBytes + conns*link.MaxBehindBytes); grown > bound {
		t.Errorf("the sweep took %d bytes, more than %d: %d times what was sent", grown, bound, grown/want)
	}
	if s.tree.Used != 0 || cap(s.join) > maxJoinBytes {
		t.Errorf("%d nodes and %d bytes are kept", s.tree.Used, cap(s.join))
	}
}
