package engine_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"chorus/codec"
	"chorus/engine"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func bounded() engine.Options {
	opts := calm()
	opts.Admission = &engine.Admission{}
	return opts
}

// startBounded runs a Socket.IO server that bounds clients that have joined no namespace.
func startBounded(t *testing.T, opts engine.Options) *boundedServer {
	t.Helper()
	joined := make(chan struct{}, 10)
	s := startLibrary(t, opts, func(o *socket.ServerOptions) { o.SetParser(codec.New(codec.Options{})) }, func(s *socket.Socket) {
		_ = s.On("echo", func(args ...any) { _ = s.Emit("echo", args...) })
		joined <- struct{}{}
	})
	return &boundedServer{server: s, joined: joined}
}

type boundedServer struct {
	*server
	joined chan struct{}
}

// join connects a client to the main namespace and waits until the server can take its events.
func (s *boundedServer) join(p peer) {
	s.t.Helper()
	connectTo(s.t, p)
	receive(s.t, "a socket", s.joined)
}

func TestClientsThatHaveJoinedNoNamespace(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame []byte
		code  int
	}{
		{"packet with attachments", textFrame(`4510-["publish",{"_placeholder":true,"num":0}]`), 1002},
		{"attachment", frame(fin|opBinary, "x"), 1002},
		{"large CONNECT", textFrame("40" + `{"token":"` + strings.Repeat("x", engine.DefaultMaxJoinPayload) + `"}`)[:14], 1009},
		{"large event", textFrame("42" + strings.Repeat("x", engine.DefaultMaxJoinPayload))[:14], 1009},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startBounded(t, bounded())
			ws := s.connect()
			ws.write(c.frame)
			ws.wantEnd(c.code)
			eventually(t, "nothing is held", func() bool { return s.PendingBytes() == 0 })
		})
	}
	t.Run("large body", func(t *testing.T) {
		s := startBounded(t, bounded())
		if got := s.poll().post("4" + strings.Repeat("x", engine.DefaultMaxJoinPayload)); got.status != http.StatusRequestEntityTooLarge {
			t.Errorf("got %d", got.status)
		}
	})
	t.Run("after it has joined", func(t *testing.T) {
		s := startBounded(t, bounded())
		p := wsPeer{s.connect()}
		if n := s.OutsideSessions(); n != 1 {
			t.Errorf("%d sessions are outside", n)
		}
		s.join(p)
		if n, sockets := s.OutsideSessions(), s.Sockets(); n != 0 || sockets != 1 {
			t.Errorf("%d sessions are outside, there are %d sockets", n, sockets)
		}
		p.say(`451-["echo",{"_placeholder":true,"num":0}]`, "bAQID")
		wantHeard(t, p, `451-["echo",{"_placeholder":true,"num":0}]`, "bAQID")
		long := `42["echo","` + strings.Repeat("x", 2*engine.DefaultMaxJoinPayload) + `"]`
		p.say(long)
		wantHeard(t, p, long)
		p.say("41")
		eventually(t, "it is outside again", func() bool { return s.OutsideSessions() == 1 && s.Sockets() == 0 })
		_ = p.conn.Close()
		eventually(t, "it is gone", func() bool { return s.OutsideSessions() == 0 })
	})
	t.Run("all of them together", func(t *testing.T) {
		opts := bounded()
		opts.Admission.MaxBytes = 50_000
		s := startBounded(t, opts)
		part := textFrame("40" + strings.Repeat("x", 30_000))[:30_000]
		first, second := s.connect(), s.connect()
		first.write(part)
		eventually(t, "the first is held", func() bool { return s.PendingBytes() > 20_000 })
		second.write(part)
		second.wantEnd(1009)
		_ = first.conn.Close()
		eventually(t, "nothing is held", func() bool { return s.PendingBytes() == 0 })
	})
	t.Run("for too long", func(t *testing.T) {
		opts := bounded()
		opts.Admission.Timeout = 50 * time.Millisecond
		s := startBounded(t, opts)
		p := wsPeer{s.connect()}
		s.join(p)
		idle, polling := s.connect(), s.poll()
		idle.wantEnd(0)
		// Long before closeTimeout, although nobody polls for the packet that says so.
		start := time.Now()
		eventually(t, "both are gone", func() bool { return s.ClientsCount() == 1 })
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		polling.get().wantRefusal(t, 400, 1, "Session ID unknown")
		p.say(`42["echo",1]`)
		wantHeard(t, p, `42["echo",1]`)
	})
	t.Run("too many", func(t *testing.T) {
		opts := bounded()
		opts.Admission.MaxSessions = 2
		opts.Admission.MaxSessionsPerAddress = 2
		s := startBounded(t, opts)
		p := wsPeer{s.connect()}
		s.poll()
		s.do("GET", "EIO=4&transport=polling", "", nil).wantRefusal(t, 503, 4, "Too many connections")
		s.join(p)
		s.poll()
	})
	t.Run("too many of a network", func(t *testing.T) {
		opts := bounded()
		opts.Admission.MaxSessionsPerAddress = 1
		opts.RemoteAddress = func(r *http.Request) string { return r.Header.Get("X-From") }
		s := startBounded(t, opts)
		from := func(address string) *wsClient {
			return s.dial("EIO=4&transport=websocket", nil, "X-From: "+address)
		}
		from("[2001:db8::1]:1").wantOpen()
		if got := from("[2001:db8::2]:1"); got.status != http.StatusServiceUnavailable {
			t.Errorf("a second session of the /64 network got %d", got.status)
		}
		from("[2001:db8:0:1::1]:1").wantOpen()
	})
	t.Run("refused again and again", func(t *testing.T) {
		opts := bounded()
		opts.Admission.MaxRefusedConnects = 3
		s := startBounded(t, opts)
		ws := s.connect()
		for range 3 {
			ws.send("40/unknown,")
			ws.want(`44/unknown,{"message":"Invalid namespace"}`)
		}
		ws.send("40/unknown,")
		ws.wantEnd(1002)
	})
}

func TestPacketsThatWaitForAttachments(t *testing.T) {
	packet := `4510-["echo",{"_placeholder":true,"num":0}]`
	t.Run("too large together", func(t *testing.T) {
		opts := bounded()
		opts.MaxPayload = 100_000
		s := startBounded(t, opts)
		p := wsPeer{s.connect()}
		s.join(p)
		p.send(packet)
		p.write(frame(fin|opBinary, strings.Repeat("x", 60_000)))
		eventually(t, "it waits", func() bool { return s.PendingBytes() > 60_000 })
		p.write(frame(fin|opBinary, strings.Repeat("x", 60_000)))
		p.wantEnd(1009)
		eventually(t, "nothing is held", func() bool { return s.PendingBytes() == 0 })
	})
	t.Run("for too long", func(t *testing.T) {
		opts := bounded()
		opts.BodyTimeout = 50 * time.Millisecond
		s := startBounded(t, opts)
		p := wsPeer{s.connect()}
		s.join(p)
		p.send(packet)
		p.wantEnd(0)
		eventually(t, "nothing is held", func() bool { return s.PendingBytes() == 0 })
	})
}

// A panic in what runs where the client is read ends its connection, and no other.
func TestPanicsEndOneConnection(t *testing.T) {
	for name, prepare := range map[string]func(*session){
		"message": func(s *session) { _ = s.On("message", func(...any) { panic("a listener") }) },
		"close":   func(s *session) { _ = s.On("close", func(...any) { panic("a listener") }) },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, calm(), prepare)
			ws, p := s.connect(), s.poll()
			ws.send("4x")
			if name == "message" {
				ws.wantEnd(1011)
			} else {
				_ = ws.conn.Close()
			}
			if got := p.post("4x"); name == "message" && got.status != http.StatusBadRequest {
				t.Errorf("got %d", got.status)
			}
			s.connect()
		})
	}
	t.Run("connection", func(t *testing.T) {
		s := start(t, calm(), func(*session) { panic("a listener") })
		s.dial("EIO=4&transport=websocket", nil).wantGone()
		eventually(t, "no session is left", func() bool { return s.ClientsCount() == 0 })
	})
}
