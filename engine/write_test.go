package engine_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"chorus/engine"

	eio "github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

func receivers(sessions ...*session) *engine.Receivers {
	conns := make([]*engine.Conn, len(sessions))
	for i, s := range sessions {
		conns[i] = s.Conn
	}
	return engine.NewReceivers(conns)
}

// fill sends until the client, which does not read, has taken all that it will: the session is
// behind from then on. It returns how many messages of the given size were sent.
func (s *session) fill(size int) int {
	s.t.Helper()
	text := strings.Repeat("x", size)
	for n := 1; ; n++ {
		s.SendMessage(textMessage(text))
		s.flushed()
		if !s.Transport().Writable() {
			return n
		}
		if n*size > 64<<20 {
			s.t.Fatal("the client's buffers have no end")
		}
	}
}

// flushed returns when the shard has done what was sent before.
func (s *session) flushed() {
	s.t.Helper()
	s.Shard().Flushed()
}

// One order per connection: what one goroutine sends arrives as sent, whichever way it goes.
func TestOrderOverAllPaths(t *testing.T) {
	const senders, messages = 4, 1000
	s := start(t, calm(), nil)
	var clients []*wsClient
	var sessions []*session
	for range 4 {
		clients = append(clients, s.connect())
		sessions = append(sessions, s.session())
	}
	all := receivers(sessions...)
	var sent atomic.Int64
	var sending sync.WaitGroup
	for sender := range senders {
		sending.Go(func() {
			for i := range messages {
				text := fmt.Sprintf("%d %d", sender, i)
				switch i % 3 {
				case 0:
					engine.Broadcast(textMessage(text), nil, all)
				case 1:
					for _, session := range sessions {
						session.SendMessage(textMessage(text))
					}
				default:
					for _, session := range sessions {
						session.Send(types.NewStringBufferString(text), nil, func(transports.Transport) { sent.Add(1) })
					}
				}
			}
		})
	}
	sending.Go(func() { // others come and go meanwhile
		for range 30 {
			other := s.connect()
			session := s.session()
			engine.Broadcast(textMessage("x"), nil, receivers(session))
			_ = other.conn.Close()
		}
	})
	for _, c := range clients {
		next := make([]int, senders)
		for range senders * messages {
			payload := c.read().payload
			from, number, _ := strings.Cut(payload[1:], " ")
			sender, _ := strconv.Atoi(from)
			if number != strconv.Itoa(next[sender]) {
				t.Fatalf("from sender %d came %s, want %d", sender, number, next[sender])
			}
			next[sender]++
		}
	}
	sending.Wait()
	eventually(t, "all callbacks are called", func() bool { return sent.Load() == senders*(messages/3)*4 })
}

func TestSendCallbacks(t *testing.T) {
	s := start(t, calm(), nil)
	called := make(chan string, 10)
	callback := func(text string) eio.SendCallback {
		return func(tr transports.Transport) { called <- text + " by " + tr.Name() }
	}
	send := func(session *session) {
		session.Send(types.NewStringBufferString("a"), nil, callback("a"))
		session.Write(types.NewBytesBufferString("b"), nil, callback("b"))
		session.Send(types.NewStringBufferString("51-[]"), nil, callback("c"))
		session.Send(strings.NewReader("51-[]"), nil, nil) // the one before is incomplete
		session.Send(bytes.NewReader([]byte("d")), nil, callback("d"))
	}
	want := func(name string) {
		t.Helper()
		var got []string
		for range 4 {
			got = append(got, receive(t, "a callback", called))
		}
		slices.Sort(got)
		if want := []string{"a by " + name, "b by " + name, "c by " + name, "d by " + name}; !slices.Equal(got, want) {
			t.Errorf("called: %v", got)
		}
	}
	ws := s.connect()
	send(s.session())
	ws.want("4a")
	ws.wantFrame(fin|opBinary, "b")
	ws.want("451-[]", "451-[]")
	ws.wantFrame(fin|opBinary, "d")
	want("websocket")

	p := s.poll()
	send(s.session())
	for got := ""; len(got) < len("4a\x1ebYg==\x1e451-[]\x1e451-[]\x1ebZA==\x1e"); {
		got += p.get().body + "\x1e"
	}
	want("polling")
}

// A packet with attachments is several messages, between which nothing may come.
func TestPartsAreNotSeparated(t *testing.T) {
	s := start(t, calm(), nil)
	ws := s.connect()
	session := s.session()
	to := receivers(session)
	stop := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				engine.Broadcast(textMessage("between"), nil, to)
			}
		}
	})
	sending.Go(func() {
		for i := range 500 {
			session.Send(types.NewStringBufferString("52-[]"), nil, nil)
			session.Send(types.NewBytesBufferString(fmt.Sprint("a", i)), nil, nil)
			session.Send(types.NewBytesBufferString(fmt.Sprint("b", i)), nil, nil)
		}
	})
	for i := 0; i < 500; {
		if ws.read().payload != "452-[]" {
			continue
		}
		ws.wantFrame(fin|opBinary, fmt.Sprint("a", i))
		ws.wantFrame(fin|opBinary, fmt.Sprint("b", i))
		i++
	}
	close(stop)
	sending.Wait()
}

// Every byte is right when a client takes only little at a time: no frame is torn, none is mixed
// with another.
func TestPartialWrites(t *testing.T) {
	opts := calm()
	opts.MaxBuffer = 64 << 20
	s := start(t, opts, nil)
	slow := s.tiny()
	slow.wantOpen()
	session := s.session()
	fast := s.connect()
	both := receivers(session, s.session())
	const messages = 400
	want := make([]string, messages)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range want {
		want[i] = fmt.Sprintf("4%d %s", i, strings.Repeat(string(rune('a'+i%26)), random.IntN(20000)))
	}
	var sending sync.WaitGroup
	sending.Go(func() {
		for i, text := range want {
			if m := textMessage(text[1:]); i%2 == 0 {
				engine.Broadcast(m, nil, both)
			} else {
				session.SendMessage(m)
			}
		}
	})
	sending.Go(func() {
		for i := 0; i < messages; i += 2 {
			fast.want(want[i])
		}
	})
	eventually(t, "the client is behind", func() bool { return !session.Transport().Writable() })
	for _, text := range want {
		slow.want(text)
	}
	sending.Wait()
	eventually(t, "the client has caught up", func() bool { return session.Transport().Writable() })
	session.SendMessage(textMessage("after"))
	slow.want("4after")
	if got := s.Stats().SlowConsumers.Load(); got != 0 {
		t.Errorf("%d slow consumers", got)
	}
}

// tiny connects with a small receive buffer, and segments that fit into it.
func (s *server) tiny() *wsClient {
	s.t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 8<<10)
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1000)
		})
	}}
	conn, err := dialer.DialContext(s.t.Context(), "tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	return upgradeOn(s.t, conn, "EIO=4&transport=websocket", nil)
}

func TestSlowConsumer(t *testing.T) {
	opts := calm()
	opts.MaxBuffer = 256 << 10
	s := start(t, opts, nil)
	slow := s.tiny()
	session := s.session()
	other := s.connect()
	to := receivers(session, s.session())
	before := heap()
	peak := uint64(0)
	sent := 0
	for len(session.closed) == 0 {
		engine.Broadcast(textMessage(fmt.Sprintf("%d %s", sent, strings.Repeat("x", 10_000))), nil, to)
		other.want(fmt.Sprintf("4%d %s", sent, strings.Repeat("x", 10_000)))
		if sent++; sent%100 == 0 {
			peak = max(peak, heap())
		}
		if sent > 10_000 {
			t.Fatal("a client that takes nothing is not closed")
		}
	}
	session.wantClosed(engine.ReasonSlowConsumer)
	slow.wantGone()
	if got := s.Stats().SlowConsumers.Load(); got != 1 {
		t.Errorf("%d slow consumers", got)
	}
	if grown := int64(peak) - int64(before); grown > 4<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	engine.Broadcast(textMessage("the other one is still there"), nil, to)
	other.want("4the other one is still there")
}

func TestSlowConsumerByPolling(t *testing.T) {
	opts := calm()
	opts.MaxBuffer = 1000
	s := start(t, opts, nil)
	p := s.poll()
	session := s.session()
	session.SendMessage(textMessage(strings.Repeat("x", 5000))) // one alone may be larger
	p.get().want(t, 200, "4"+strings.Repeat("x", 5000))
	for range 3 {
		session.SendMessage(textMessage(strings.Repeat("x", 500)))
	}
	session.wantClosed(engine.ReasonSlowConsumer)
	p.get().wantRefusal(t, 400, 1, "Session ID unknown")
}

// heap returns how much of the heap is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestVolatileIsForThoseThatAreNotBehind(t *testing.T) {
	opts := calm()
	opts.MaxBuffer = 64 << 20
	s := start(t, opts, nil)
	slow := s.connect()
	session := s.session()
	session.SendMessage(volatile("first"))
	slow.want("4first")
	n := session.fill(100_000)
	for range 10 {
		session.SendMessage(volatile("dropped"))
	}
	session.flushed()
	if got := s.Stats().VolatileDropped.Load(); got != 10 {
		t.Errorf("%d were dropped, want 10", got)
	}
	session.SendMessage(textMessage("kept"))
	for range n {
		slow.want("4" + strings.Repeat("x", 100_000))
	}
	slow.want("4kept")
	eventually(t, "the client has caught up", func() bool { return session.Transport().Writable() })
	session.SendMessage(volatile("last"))
	slow.want("4last")
}

func TestVolatileByPolling(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	session := s.session()
	session.flushed()
	session.SendMessage(volatile("between two requests"))
	session.flushed()
	if got := s.Stats().VolatileDropped.Load(); got != 1 {
		t.Errorf("%d were dropped", got)
	}
	waiting := p.getLater()
	session.SendMessage(volatile("now"))
	receive(t, "the answer", waiting).want(t, 200, "4now")
}

func TestLatestOfThoseThatWait(t *testing.T) {
	opts := calm()
	opts.MaxBuffer = 64 << 20
	s := start(t, opts, nil)
	slow := s.connect()
	session := s.session()
	session.SendMessage(latest("a", "a1"))
	session.SendMessage(latest("a", "a2"))
	slow.want("4a1", "4a2") // nothing waits: nothing is replaced
	n := session.fill(100_000)
	for _, m := range []*engine.Message{
		latest("a", "a3"), textMessage("x"), latest("b", "b1"), latest("a", "a4"), textMessage("y"), latest("b", "b2"), latest("c", "c1"), latest("a", "a5"),
	} {
		session.SendMessage(m)
	}
	session.flushed()
	if got := s.Stats().Replaced.Load(); got != 3 {
		t.Errorf("%d were replaced, want 3", got)
	}
	for range n {
		slow.want("4" + strings.Repeat("x", 100_000))
	}
	slow.want("4x", "4y", "4b2", "4c1", "4a5")
}

// A message of which a part is written is not replaced: the rest of it has to follow.
func TestLatestThatIsPartlyWritten(t *testing.T) {
	opts := calm()
	opts.MaxBuffer = 256 << 20
	s := start(t, opts, nil)
	slow := s.connect()
	session := s.session()
	large := strings.Repeat("x", 12<<20)
	session.SendMessage(latest("a", large))
	session.flushed()
	if session.Transport().Writable() {
		t.Fatal("the client took it all")
	}
	session.SendMessage(latest("a", "second"))
	session.SendMessage(latest("a", "third"))
	session.flushed()
	slow.want("4"+large, "4third")
}

func TestLatestByPolling(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	session := s.session()
	for i := range 1000 {
		session.SendMessage(latest(fmt.Sprint("name ", i%3), fmt.Sprint(i)))
	}
	session.SendMessage(textMessage("end"))
	session.flushed()
	p.get().want(t, 200, "4997\x1e4998\x1e4999\x1e4end")
}

func TestExceptAndSeveralReceivers(t *testing.T) {
	s := start(t, calm(), nil)
	const clients = 24
	var all []*wsClient
	var sessions []*session
	for range clients {
		all = append(all, s.connect())
		sessions = append(sessions, s.session())
	}
	conns := func(from, to int) []*engine.Conn {
		var list []*engine.Conn
		for _, s := range sessions[from:to] {
			list = append(list, s.Conn)
		}
		return list
	}
	everybody := receivers(sessions...)
	cases := []struct {
		name   string
		except []*engine.Conn
		to     []*engine.Receivers
		gets   func(i int) bool
	}{
		{"everybody", nil, []*engine.Receivers{everybody}, func(int) bool { return true }},
		{"but one", conns(3, 4), []*engine.Receivers{everybody}, func(i int) bool { return i != 3 }},
		{"but many", conns(2, 20), []*engine.Receivers{everybody}, func(i int) bool { return i < 2 || i >= 20 }},
		{"but those who are not there", conns(20, 24), []*engine.Receivers{receivers(sessions[:5]...)}, func(i int) bool { return i < 5 }},
		{"overlapping", nil, []*engine.Receivers{receivers(sessions[:10]...), receivers(sessions[5:15]...), receivers(sessions[:1]...)}, func(i int) bool { return i < 15 }},
		{"overlapping, but some", conns(4, 8), []*engine.Receivers{receivers(sessions[:10]...), receivers(sessions[5:15]...)}, func(i int) bool { return i < 4 || i >= 8 && i < 15 }},
		{"the same twice", nil, []*engine.Receivers{everybody, everybody}, func(int) bool { return true }},
		{"nobody", nil, []*engine.Receivers{receivers(), receivers()}, func(int) bool { return false }},
		{"no receivers", nil, nil, func(int) bool { return false }},
	}
	want := make([][]string, clients)
	for _, c := range cases {
		engine.Broadcast(textMessage(c.name), c.except, c.to...)
		for i := range want {
			if c.gets(i) {
				want[i] = append(want[i], "4"+c.name)
			}
		}
	}
	engine.Broadcast(textMessage("end"), nil, everybody)
	for i, c := range all {
		c.want(append(want[i], "4end")...)
	}
}

// The list of those left out belongs to the caller again once Broadcast returns.
func TestExceptIsCopied(t *testing.T) {
	s := start(t, calm(), nil)
	left, other := s.connect(), s.connect()
	one, two := s.session(), s.session()
	all := receivers(one, two)
	except := []*engine.Conn{one.Conn}
	for range 500 {
		except[0] = one.Conn
		engine.Broadcast(textMessage("not for the first"), except, all)
		except[0] = two.Conn
	}
	engine.Broadcast(textMessage("end"), nil, all)
	for got := left.read(); got.payload != "4end"; got = left.read() {
		t.Fatalf("who is left out got %q", got.payload)
	}
	for range 500 {
		other.want("4not for the first")
	}
}

func TestBroadcastToEndedSession(t *testing.T) {
	s := start(t, calm(), nil)
	gone, here := s.connect(), s.connect()
	first, second := s.session(), s.session()
	all := receivers(first, second)
	_ = gone.conn.Close()
	first.wantClosed("transport close")
	engine.Broadcast(textMessage("a"), nil, all)
	first.SendMessage(textMessage("b"))
	here.want("4a")
}

func TestCloseSendsWhatWaits(t *testing.T) {
	opts := calm()
	opts.MaxBuffer = 64 << 20
	s := start(t, opts, nil)
	t.Run("nothing waits", func(t *testing.T) {
		ws := s.connect()
		session := s.session()
		session.SendMessage(textMessage("last"))
		session.Close(false)
		session.SendMessage(textMessage("never"))
		ws.want("4last")
		ws.wantEnd(0)
		session.wantClosed("forced close")
	})
	t.Run("much waits", func(t *testing.T) {
		ws := s.connect()
		session := s.session()
		n := session.fill(100_000)
		session.SendMessage(textMessage("last"))
		session.Close(false)
		if session.ReadyState() != "closing" {
			t.Errorf("the state is %q", session.ReadyState())
		}
		for range n {
			ws.want("4" + strings.Repeat("x", 100_000))
		}
		ws.want("4last")
		ws.wantEnd(0)
		session.wantClosed("forced close")
	})
	t.Run("polling, a request waits", func(t *testing.T) {
		p := s.poll()
		session := s.session()
		waiting := p.getLater()
		session.Close(false)
		receive(t, "the answer", waiting).want(t, 200, "1")
		session.wantClosed("forced close")
	})
	t.Run("polling, between two requests", func(t *testing.T) {
		p := s.poll()
		session := s.session()
		session.flushed()
		session.SendMessage(textMessage("last"))
		session.Close(false)
		p.get().want(t, 200, "4last\x1e1")
		session.wantClosed("forced close")
	})
	t.Run("polling, the listener of the connection closes", func(t *testing.T) {
		s := start(t, opts, func(s *session) {
			s.SendMessage(textMessage("hi"))
			s.Close(false)
		})
		got := s.do("GET", "EIO=4&transport=polling", "", nil)
		if !strings.HasPrefix(got.body, "0{") || !strings.HasSuffix(got.body, "\x1e4hi\x1e1") {
			t.Errorf("got %q", got.body)
		}
		s.session().wantClosed("forced close")
	})
}

func TestCloseAtOnce(t *testing.T) {
	opts := calm()
	opts.MaxBuffer = 64 << 20
	s := start(t, opts, nil)
	t.Run("WebSocket", func(t *testing.T) {
		ws := s.connect()
		session := s.session()
		session.Close(true)
		ws.wantEnd(0)
		session.wantClosed("forced close")
	})
	t.Run("much waits", func(t *testing.T) {
		ws := s.connect()
		session := s.session()
		session.fill(100_000)
		session.Close(true)
		session.wantClosed("forced close")
		ws.wantGone()
	})
	t.Run("after Close(false)", func(t *testing.T) {
		ws := s.connect()
		session := s.session()
		session.fill(100_000)
		session.Close(false)
		session.flushed()
		session.wantOpen()
		session.Close(true)
		session.wantClosed("forced close")
		ws.wantGone()
	})
	t.Run("polling, a request waits", func(t *testing.T) {
		p := s.poll()
		waiting := p.getLater()
		s.session().Close(true)
		receive(t, "the answer", waiting).want(t, 200, "1")
	})
	t.Run("polling, between two requests", func(t *testing.T) {
		p := s.poll()
		session := s.session()
		session.flushed()
		session.Close(true)
		session.wantClosed("forced close")
		p.get().wantRefusal(t, 400, 1, "Session ID unknown")
	})
}

// "close" comes once, whatever ends the session at the same time.
func TestCloseComesOnce(t *testing.T) {
	s := start(t, calm(), nil)
	for range 50 {
		ws := s.connect()
		session := s.session()
		var closing sync.WaitGroup
		closing.Go(func() { session.Close(true) })
		closing.Go(func() { session.Close(false) })
		closing.Go(func() { _ = ws.conn.Close() })
		closing.Go(func() { engine.Broadcast(textMessage("x"), nil, receivers(session)) })
		closing.Wait()
		receive(t, "the end", session.closed)
		session.flushed()
		if len(session.closed) != 0 {
			t.Fatal("close came twice")
		}
	}
	eventually(t, "no session is left", func() bool { return s.ClientsCount() == 0 })
}

// A session that ends while its listeners of "connection" are being told says "close" afterwards,
// when they can hear it.
func TestCloseComesAfterConnection(t *testing.T) {
	order := make(chan string, 4)
	var s *server
	s = start(t, calm(), func(session *session) {
		s.Clients().Range(func(_ string, c eio.Socket) bool { c.Close(true); return true })
		eventually(t, "the session has ended", func() bool { return session.ReadyState() == "closed" })
		order <- "connection"
		_ = session.On("close", func(...any) { order <- "close" })
	})
	for _, open := range []func(){
		func() { s.do("GET", "EIO=4&transport=polling", "", nil) },
		func() { s.dial("EIO=4&transport=websocket", nil).wantGone() },
	} {
		open()
		for _, want := range []string{"connection", "close"} {
			if got := receive(t, want, order); got != want {
				t.Errorf("heard %q, want %q", got, want)
			}
		}
	}
}

// The same while the handshake is still to be answered: nobody hears of the session, and the
// connection does not stay.
func TestCloseDuringTheHandshake(t *testing.T) {
	s := start(t, calm(), nil)
	_ = s.On("initial_headers", func(...any) {
		s.Clients().Range(func(_ string, c eio.Socket) bool {
			c.Close(true)
			eventually(t, "the session has ended", func() bool { return c.ReadyState() == "closed" })
			return true
		})
	})
	s.dial("EIO=4&transport=websocket", nil).wantGone()
	if len(s.sessions) != 0 {
		t.Error("a session that has ended was announced")
	}
}

func TestClosingTakesAsLongAsItMay(t *testing.T) {
	t.Parallel()
	opts := calm()
	opts.MaxBuffer = 64 << 20
	s := start(t, opts, nil)
	ws := s.connect()
	session := s.session()
	session.fill(100_000)
	begin := time.Now()
	session.Close(false)
	session.wantClosed("forced close") // at the end of its time: the client takes nothing
	if d := time.Since(begin); d < 4*time.Second {
		t.Errorf("closed after %s", d)
	}
	ws.wantGone()
}
