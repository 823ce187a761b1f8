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
)

// idle returns a shard that does not run: the test is who is at work.
func idle(t *testing.T) *shard {
	t.Helper()
	s := newShard(&Server{opts: Options{}.withDefaults()})
	s.busy = true
	return s
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
		list[i].out.link = newLink(sinks[i], plain, &goes)
	}
	batch := make([]entry, 0, conns+messages)
	want := int64(0)
	for i, c := range list {
		batch = append(batch, entry{conn: c, msg: text(fmt.Sprint("own ", i))})
	}
	for range messages {
		m := text(strings.Repeat("x", size))
		want += int64(m.size)
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
	if bound := int64(8*maxJoinBytes + conns*maxBehindBytes); grown > bound {
		t.Errorf("the sweep took %d bytes, more than %d: %d times what was sent", grown, bound, grown/want)
	}
	if len(s.tree.blocks) > maxKeptBlocks || cap(s.join) > maxJoinBytes {
		t.Errorf("%d blocks and %d bytes are kept", len(s.tree.blocks), cap(s.join))
	}
}

func TestMessageIsEncodedOnceForEachKind(t *testing.T) {
	m := NewMessage(MessageOptions{}, Part{Data: []byte(strings.Repeat("a", 100))}, Part{Data: []byte{1}, Binary: true})
	for e := plain; e < keptEncodings; e++ {
		first, second := m.frames(e, 50), m.frames(e, 50)
		if &first[0] != &second[0] {
			t.Errorf("encoding %d is made twice", e)
		}
	}
	if got := m.frames(plain3, 50); string(got[len(got)-4:]) != "\x82\x02\x04\x01" {
		t.Errorf("binary of revision 3 is %x", got[len(got)-4:])
	}
	if got := m.frames(deflated, 50); got[0] != 0xc1 || got[len(got)-3] != 0x82 {
		t.Errorf("text is to be compressed, binary is too short: %x", got)
	}
}

func TestFrameHeaders(t *testing.T) {
	for n, want := range map[int]string{
		0: "\x81\x00", 125: "\x81\x7d", 126: "\x81\x7e\x00\x7e", 65535: "\x81\x7e\xff\xff",
		65536: "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 1 << 32: "\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00",
	} {
		if got := appendHeader(nil, 1, false, n); string(got) != want {
			t.Errorf("of %d bytes: %x, want %x", n, got, want)
		}
	}
}
