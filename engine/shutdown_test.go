package engine_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"chorus/engine"

	"go.uber.org/goleak"
)

// Shutdown ends every goroutine, whatever the sessions are about.
func TestShutdownWithSessionsInEveryState(t *testing.T) {
	leak := goleak.IgnoreCurrent()
	opts := calm()
	opts.MaxBuffer = 64 << 20
	s := start(t, opts, nil)
	var sessions []*session
	next := func() *session {
		session := s.session()
		sessions = append(sessions, session)
		return session
	}

	waiting := s.poll()
	answer := waiting.getLater()
	next()
	between := s.poll()
	next()
	ws := s.connect()
	next()
	slow := s.connect()
	next().fill(100_000)
	closing := s.connect()
	session := next()
	session.fill(100_000)
	session.Close(false)
	probing := s.poll()
	probe := probing.probe()
	next()
	silent := s.poll()
	silentProbe := s.dial(silent.upgradeQuery(), nil)
	next()
	queue := &blocked{}
	held := s.connect()
	session = next()
	session.Follow(queue)
	for range 1000 {
		held.send("4x")
	}
	eventually(t, "the client is held back", session.Held)
	idle := s.connect() // answers no close frame
	next()

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	receive(t, "the answer to the GET", answer).want(t, 200, "1")
	between.get().wantRefusal(t, 400, 1, "Session ID unknown")
	for _, c := range []*wsClient{ws, idle} {
		c.wantEnd(0)
	}
	for _, c := range []*wsClient{slow, closing, probe, silentProbe, held} {
		c.wantGone()
	}
	for i, session := range sessions {
		if got := receive(t, "the end", session.closed); got != "forced close" {
			t.Errorf("session %d was closed for %q", i, got)
		}
	}
	if s.ClientsCount() != 0 || len(s.Clients().Keys()) != 0 {
		t.Errorf("%d sessions are left", s.ClientsCount())
	}

	s.do("GET", "EIO=4&transport=polling", "", nil).wantRefusal(t, http.StatusServiceUnavailable, 3, "The server is closed")
	if got := s.dial("EIO=4&transport=websocket", nil); got.status != http.StatusServiceUnavailable {
		t.Errorf("a WebSocket got %d", got.status)
	}
	engine.Broadcast(textMessage("into the void"), nil, receivers(sessions...))
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("a second Shutdown: %v", err)
	}
	if err := goleak.Find(leak, goleak.IgnoreAnyFunction("net/http.(*conn).serve"), goleak.IgnoreAnyFunction("net/http.(*Server).Serve"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("net/http.(*connReader).backgroundRead")); err != nil {
		t.Error(err)
	}
}

func TestShutdownOfAServerWithoutSessions(t *testing.T) {
	leak := goleak.IgnoreCurrent()
	s := engine.New(engine.Options{})
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := goleak.Find(leak); err != nil {
		t.Error(err)
	}
}

func TestShutdownWithinItsContext(t *testing.T) {
	opts := calm()
	var release chan struct{}
	s := start(t, opts, func(session *session) {
		_ = session.On("close", func(...any) { <-release })
	})
	release = make(chan struct{})
	s.connect()
	session := s.session()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a listener that blocks: %v", err)
	}
	close(release)
	receive(t, "the end", session.closed)
}

// Close may be called by any listener.
func TestCloseOfTheServerByAListener(t *testing.T) {
	var s *server
	closeServer := func(...any) { s.Close() }
	cases := map[string]func(*session){
		"connection": func(*session) { closeServer() },
		"message":    func(session *session) { _ = session.On("message", closeServer) },
		"close": func(session *session) {
			_ = session.On("close", closeServer)
			_ = session.On("message", func(...any) { session.Close(true) })
		},
		"sent": func(session *session) {
			_ = session.On("message", func(...any) { session.Send(newText("x"), nil, func(transport) { s.Close() }) })
		},
		"heartbeat": func(session *session) { _ = session.On("heartbeat", closeServer) },
	}
	for name, prepare := range cases {
		for _, transport := range []string{"websocket", "polling"} {
			t.Run(name+", "+transport, func(t *testing.T) {
				s = start(t, calm(), prepare)
				if transport == "websocket" {
					ws := s.dial("EIO=4&transport=websocket", append(textFrame("3"), textFrame("4x")...))
					ws.wantGone()
				} else {
					opened := s.do("GET", "EIO=4&transport=polling", "", nil)
					if name != "connection" { // that one closes before the client is told its id
						p := s.pollerOf("EIO=4", opened.body)
						p.post("3\x1e4x")
						p.get()
					}
				}
				s.session().wantClosed("forced close")
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				if err := s.Shutdown(ctx); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
