package engine_test

import (
	"testing"
	"time"

	"chorus/engine"
)

// brisk are options with short heartbeats.
func brisk() engine.Options {
	return engine.Options{PingInterval: 60 * time.Millisecond, PingTimeout: 60 * time.Millisecond, AllowEIO3: true}
}

// patient are options under which a client is pinged soon but need not answer soon.
func patient() engine.Options {
	return engine.Options{PingInterval: 50 * time.Millisecond, PingTimeout: 3 * patience, AllowEIO3: true}
}

func TestPingsAndPongs(t *testing.T) {
	beats := make(chan struct{}, 100)
	s := start(t, patient(), func(s *session) { _ = s.On("heartbeat", func(...any) { beats <- struct{}{} }) })
	t.Run("WebSocket", func(t *testing.T) {
		ws := s.connect()
		for range 3 {
			before := time.Now()
			ws.want("2")
			if early := 50*time.Millisecond - time.Since(before); early > 25*time.Millisecond {
				t.Errorf("the ping is %s early", early)
			}
			ws.send("3")
			receive(t, "the heartbeat", beats)
		}
	})
	t.Run("polling", func(t *testing.T) {
		p := s.poll()
		for range 3 {
			p.get().want(t, 200, "2")
			p.post("3").want(t, 200, "ok")
			receive(t, "the heartbeat", beats)
		}
	})
}

// A pong keeps the session, for much longer than interval and timeout.
func TestPongKeepsTheSession(t *testing.T) {
	t.Parallel()
	opts := brisk()
	opts.PingTimeout = 500 * time.Millisecond
	s := start(t, opts, nil)
	ws := s.connect()
	session := s.session()
	for end := time.Now().Add(2 * (opts.PingInterval + opts.PingTimeout)); time.Now().Before(end); {
		ws.want("2")
		ws.send("3")
	}
	session.wantOpen()
}

func TestPingTimeout(t *testing.T) {
	t.Run("WebSocket", func(t *testing.T) {
		s := start(t, brisk(), nil)
		begin := time.Now()
		ws := s.connect()
		ws.want("2")
		ws.wantGone()
		s.session().wantClosed("ping timeout")
		if d := time.Since(begin); d < 120*time.Millisecond {
			t.Errorf("closed after %s", d)
		}
	})
	t.Run("a client that says something else", func(t *testing.T) {
		s := start(t, brisk(), nil)
		ws := s.connect()
		session := s.session()
		stop := make(chan struct{})
		go func() { // ends with the connection
			defer close(stop)
			for {
				if _, err := ws.conn.Write(textFrame("4not a pong")); err != nil {
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
		}()
		session.wantClosed("ping timeout")
		<-stop
	})
	t.Run("polling, between two requests", func(t *testing.T) {
		s := start(t, brisk(), nil)
		p := s.poll()
		s.session().wantClosed("ping timeout")
		p.get().wantRefusal(t, 400, 1, "Session ID unknown")
	})
	t.Run("polling, a request waits", func(t *testing.T) {
		s := start(t, brisk(), nil)
		p := s.poll()
		p.get().want(t, 200, "2")
		p.get().want(t, 200, "1")
		s.session().wantClosed("ping timeout")
	})
	t.Run("while upgrading", func(t *testing.T) {
		s := start(t, brisk(), nil)
		p := s.poll()
		ws := p.probe()
		s.session().wantClosed("ping timeout")
		ws.wantGone()
	})
}

// Engine.IO protocol, test suite: a client that comes when its time is over finds no session, however
// late the timers are.
func TestOverdueClientFindsNoSession(t *testing.T) {
	t.Parallel()
	opts := engine.Options{PingInterval: 200 * time.Millisecond, PingTimeout: 200 * time.Millisecond}
	s := start(t, opts, nil)
	for range 3 {
		p := s.poll()
		p.get().want(t, 200, "2")
		time.Sleep(opts.PingTimeout)
		p.get().wantRefusal(t, 400, 1, "Session ID unknown")
	}
}

// Engine.IO protocol 3: the client pings, and the server answers.
func TestHeartbeatOfRevision3(t *testing.T) {
	t.Run("WebSocket", func(t *testing.T) {
		s := start(t, brisk(), nil)
		ws := s.dial("EIO=3&transport=websocket", nil)
		ws.wantOpen()
		session := s.session()
		for range 3 {
			ws.send("2")
			ws.want("3")
		}
		ws.send("2probe")
		ws.want("3")
		session.wantOpen()
		session.wantClosed("ping timeout")
		ws.wantGone()
	})
	t.Run("polling", func(t *testing.T) {
		s := start(t, brisk(), nil)
		p := s.poll3("")
		for range 3 {
			p.post("1:2").want(t, 200, "ok")
			p.get().want(t, 200, "1:3")
		}
		s.session().wantClosed("ping timeout")
	})
	t.Run("no pings of the server", func(t *testing.T) {
		s := start(t, patient(), echo)
		ws := s.dial("EIO=3&transport=websocket", nil)
		ws.wantOpen()
		time.Sleep(150 * time.Millisecond)
		ws.send("4a")
		ws.want("4a")
	})
	t.Run("pong of the client", func(t *testing.T) {
		s := start(t, patient(), nil)
		ws := s.dial("EIO=3&transport=websocket", nil)
		ws.wantOpen()
		ws.send("3")
		ws.wantEnd(1002)
		s.session().wantClosed("transport error")
	})
}
