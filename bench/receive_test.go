package bench

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// fakeSocket keeps what is written; it takes at most room bytes.
type fakeSocket struct {
	written []byte
	room    int
	notify  bool
	closed  bool
}

func (s *fakeSocket) tryWrite(b []byte) (int, error) {
	n := min(len(b), s.room)
	s.room -= n
	s.written = append(s.written, b[:n]...)
	return n, nil
}

func (s *fakeSocket) notifyWritable(wanted bool) error { s.notify = wanted; return nil }

func (s *fakeSocket) close() error { s.closed = true; return nil }

func newFake() (*conn, *fakeSocket) {
	s := &fakeSocket{room: 1 << 30}
	return &conn{socket: s, last: make([]uint32, 4)}, s
}

func newTestReceiver(d dialect, counts kind) *receiver {
	w := newWindow()
	w.set(0, never)
	return &receiver{dialect: d, counts: counts, clock: clock{time.Now()}, window: w}
}

func event(s stamp) string {
	return `42["message",{"text":"` + string(s.append(nil)) + `padding"}]`
}

// feed gives the receiver a stream in pieces, as reads would.
func feed(t *testing.T, r *receiver, c *conn, stream []byte, piece func() int) error {
	t.Helper()
	var have []byte
	for len(stream) > 0 {
		n := min(max(piece(), 1), len(stream))
		have, stream = append(have, stream[:n]...), stream[n:]
		used, err := r.take(c, have)
		if err != nil {
			return err
		}
		have = append([]byte(nil), have[used:]...)
	}
	if len(have) > 0 {
		t.Errorf("%d bytes are left", len(have))
	}
	return nil
}

func TestReceiveAnyPieces(t *testing.T) {
	const messages = 300
	stream := make([]byte, 0, messages*100)
	for i := range uint32(messages) {
		stream = append(stream, serverFrame(opText, event(stamp{due: 1, sender: 1, number: i}))...)
		if i%50 == 0 {
			stream = append(stream, serverFrame(opText, "2")...)
			stream = append(stream, serverFrame(opPing, "hi")...)
			stream = append(stream, serverFrame(opText, `42["other",{"text":"without a stamp"}]`)...)
		}
	}
	for name, piece := range map[string]func() int{
		"whole":         func() int { return len(stream) },
		"byte by byte":  func() int { return 1 },
		"random pieces": func() int { return rand.IntN(400) },
	} {
		r := newTestReceiver(newSocketIO(&Options{Event: "message"}), delivery)
		c, s := newFake()
		if err := feed(t, r, c, stream, piece); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.arrived.Load() != messages || r.latency.total != messages || r.inWindow != messages || r.outOfOrder != 0 {
			t.Errorf("%s: arrived %d, timed %d, in window %d, out of order %d", name, r.arrived.Load(), r.latency.total, r.inWindow, r.outOfOrder)
		}
		want := strings.Repeat(string(appendFrame(nil, opText, []byte("3"), c.key))+string(appendFrame(nil, opPong, []byte("hi"), c.key)), 6)
		if string(s.written) != want {
			t.Errorf("%s: answered % x, want % x", name, s.written, want)
		}
	}
}

func TestReceiveCountsOrder(t *testing.T) {
	r := newTestReceiver(newSocketIO(&Options{}), delivery)
	c, _ := newFake()
	stream := make([]byte, 0, 1<<10)
	for _, number := range []uint32{0, 1, 3, 2, 4} {
		stream = append(stream, serverFrame(opText, event(stamp{sender: 2, number: number}))...)
		stream = append(stream, serverFrame(opText, event(stamp{sender: 99, number: number}))...) // nobody of ours
	}
	if err := feed(t, r, c, stream, func() int { return len(stream) }); err != nil {
		t.Fatal(err)
	}
	if r.outOfOrder != 1 {
		t.Errorf("%d out of order", r.outOfOrder)
	}
}

func TestReceiveDoesNotCountTheStalled(t *testing.T) {
	r := newTestReceiver(newSocketIO(&Options{}), delivery)
	c, _ := newFake()
	c.stalled = true
	if _, err := r.take(c, serverFrame(opText, event(stamp{}))); err != nil {
		t.Fatal(err)
	}
	r.drop(c, errFarewell)
	if r.arrived.Load() != 0 || r.latency.total != 0 || r.dropped.Load() != 0 || r.evicted.Load() != 1 {
		t.Errorf("arrived %d, timed %d, dropped %d, evicted %d", r.arrived.Load(), r.latency.total, r.dropped.Load(), r.evicted.Load())
	}
}

func TestReceiveWindow(t *testing.T) {
	r := newTestReceiver(newSocketIO(&Options{}), delivery)
	c, _ := newFake()
	r.window.set(never-10, never) // in the future
	stream := append(serverFrame(opText, event(stamp{due: 1})), serverFrame(opText, event(stamp{due: never - 5}))...)
	if _, err := r.take(c, stream); err != nil {
		t.Fatal(err)
	}
	if r.arrived.Load() != 2 || r.inWindow != 0 || r.latency.total != 1 {
		t.Errorf("arrived %d, in window %d, timed %d", r.arrived.Load(), r.inWindow, r.latency.total)
	}
}

func TestReceiveCentrifuge(t *testing.T) {
	push := func(number uint32) string {
		return `{"push":{"channel":"bench","pub":{"data":{"text":"` + string(stamp{number: number}.append(nil)) + `"}}}}`
	}
	r := newTestReceiver(newCentrifuge(&Options{}), delivery)
	c, s := newFake()
	frame := strings.Join([]string{push(0), `{"id":3,"publish":{}}`, "{}", push(1)}, "\n")
	if _, err := r.take(c, serverFrame(opText, frame)); err != nil {
		t.Fatal(err)
	}
	if r.arrived.Load() != 2 || string(s.written) != string(appendFrame(nil, opText, []byte("{}"), c.key)) {
		t.Errorf("arrived %d, answered %q", r.arrived.Load(), s.written)
	}
	if _, err := r.take(c, serverFrame(opText, `{"push":{"disconnect":{"code":3000}}}`)); !errors.Is(err, errFarewell) {
		t.Errorf("a disconnect: %v", err)
	}
}

func TestReceiveEndings(t *testing.T) {
	for name, test := range map[string]struct {
		chunk []byte
		want  error
	}{
		"close frame":          {serverFrame(opClose, "\x03\xe9going away"), errFarewell},
		"DISCONNECT packet":    {serverFrame(opText, "41"), errFarewell},
		"CLOSE packet":         {serverFrame(opText, "1"), errFarewell},
		"an empty message":     {serverFrame(opText, ""), nil},
		"garbage":              {[]byte{0xff, 0xff}, ErrProtocol},
		"HTTP instead":         {[]byte("HTTP/1.1 400"), ErrProtocol},
		"not a protocol known": {serverFrame(opBinary, "\x00\x01"), nil},
	} {
		r := newTestReceiver(newSocketIO(&Options{}), delivery)
		c, s := newFake()
		_, err := r.take(c, test.chunk)
		if !errors.Is(err, test.want) || (test.want == nil && err != nil) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		r.drop(c, err)
		r.drop(c, err)
		if r.dropped.Load() != 1 || !s.closed {
			t.Errorf("%s: dropped %d times, closed %v", name, r.dropped.Load(), s.closed)
		}
	}
}

func TestSendWaitsForAFullSocket(t *testing.T) {
	c, s := newFake()
	s.room = 10
	frame := []byte("0123456789abcdef")
	for range 2 {
		if err := c.send(frame); err != nil {
			t.Fatal(err)
		}
	}
	if !s.notify || len(c.pending) != 22 {
		t.Fatalf("notify %v, %d bytes wait", s.notify, len(c.pending))
	}
	if err := c.send(make([]byte, maxPending)); !errors.Is(err, errPending) {
		t.Errorf("beyond the bound: %v", err)
	}
	s.room = 5
	for range 2 { // the second time there is room for all
		if err := c.flush(); err != nil {
			t.Fatal(err)
		}
		s.room = 100
	}
	if string(s.written) != string(frame)+string(frame) || s.notify || len(c.pending) != 0 {
		t.Errorf("written %q, notify %v, %d bytes wait", s.written, s.notify, len(c.pending))
	}
	c.close()
	if err := c.send(frame); !errors.Is(err, errGone) {
		t.Errorf("after close: %v", err)
	}
}

// A delivery has to cost the generator next to nothing: a core that receives a million a second has
// a microsecond for each, and the kernel needs most of it.
func BenchmarkReceive(b *testing.B) {
	const messages = 100
	chunk := make([]byte, 0, messages*100)
	for i := range uint32(messages) {
		chunk = append(chunk, serverFrame(opText, event(stamp{due: 1, number: i}))...)
	}
	r := newTestReceiver(newSocketIO(&Options{}), delivery)
	c, _ := newFake()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.take(c, chunk); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/messages, "ns/delivery")
}
