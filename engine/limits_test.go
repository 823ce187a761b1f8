package engine_test

import (
	"net/http"
	"testing"

	"chorus/engine"
)

func TestMaxConnections(t *testing.T) {
	opts := calm()
	opts.MaxConnections = 2
	s := start(t, opts, nil)
	p, c := s.poll(), s.connect()
	polling, websocket := s.session(), s.session()

	refused := s.do("GET", "EIO=4&transport=polling", "", nil)
	refused.wantRefusal(t, 503, 4, "Too many connections")
	if got := s.dial("EIO=4&transport=websocket", nil); got.status != http.StatusServiceUnavailable {
		t.Errorf("a WebSocket got %d", got.status)
	}
	if got := s.Stats().Refused.Load(); got != 2 {
		t.Errorf("%d were refused, want 2", got)
	}
	p.post("1").want(t, 200, "ok")
	polling.wantClosed("transport close")
	eventually(t, "its place is free", func() bool { return s.ClientsCount() == 1 })
	s.connect()
	if got := s.dial("EIO=4&transport=websocket", nil); got.status != http.StatusServiceUnavailable {
		t.Errorf("a WebSocket got %d", got.status)
	}
	_ = c.conn.Close()
	websocket.wantClosed("transport close")
	eventually(t, "its place is free", func() bool { return s.ClientsCount() == 1 })
	s.poll()
	if got := s.ClientsCount(); got != 2 {
		t.Errorf("%d sessions", got)
	}
}

func TestMaxConnectionsPerAddress(t *testing.T) {
	opts := calm()
	opts.MaxConnectionsPerAddress = 1
	opts.RemoteAddress = func(r *http.Request) string { return r.Header.Get("X-From") }
	s := start(t, opts, nil)
	from := func(address string) *wsClient {
		return s.dial("EIO=4&transport=websocket", nil, "X-From: "+address)
	}
	alice := from("192.0.2.1:1000")
	alice.wantOpen()
	session := s.session()
	if got := from("192.0.2.1:2000"); got.status != http.StatusServiceUnavailable {
		t.Errorf("a second session of the address got %d", got.status)
	}
	from("192.0.2.2:1000").wantOpen()
	from("[2001:db8::1]:1000").wantOpen()
	if got := from("[2001:db8::2]:2000"); got.status != http.StatusServiceUnavailable {
		t.Errorf("a second session of the /64 network got %d", got.status)
	}
	from("[2001:db8:0:1::1]:1000").wantOpen()
	_ = alice.conn.Close()
	session.wantClosed("transport close")
	eventually(t, "its place is free", func() bool { return s.ClientsCount() == 3 })
	from("192.0.2.1:3000").wantOpen()
	if got := s.Stats().Refused.Load(); got != 2 {
		t.Errorf("%d were refused, want 2", got)
	}
}

// A handshake that fails has been counted, and must be counted out.
func TestFailedHandshakeIsCountedOut(t *testing.T) {
	opts := calm()
	opts.MaxConnections = 1
	s := start(t, opts, nil)
	for range 3 {
		r, _ := http.NewRequest(http.MethodGet, s.url+"/?EIO=4&transport=websocket", nil)
		r.Header = http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}}
		if got := s.roundTrip(r); got.status == http.StatusServiceUnavailable {
			t.Fatal("a failed handshake counts as a session")
		}
		eventually(t, "no session is left", func() bool { return s.ClientsCount() == 0 })
	}
	s.connect()
}

func TestServerAsTheLibrarySeesIt(t *testing.T) {
	opts := calm()
	opts.MaxPayload, opts.AllowEIO3 = 5000, true
	s := start(t, opts, nil)
	if got := s.Opts().MaxHttpBufferSize(); got != 5000 {
		t.Errorf("the library sees a payload of %d", got)
	}
	if !s.Opts().AllowEIO3() || s.Opts().PingInterval() != opts.PingInterval {
		t.Error("the library sees other options")
	}
	if !s.Transports().Has(engine.Polling) || !s.Transports().Has(engine.WebSocket) {
		t.Errorf("transports: %v", s.Transports().Keys())
	}
	s.connect()
	session := s.session()
	tr := session.Transport()
	if tr.Sid() != session.Id() || tr.Protocol() != 4 || tr.MaxHttpBufferSize() != 5000 || !tr.HandlesUpgrades() || tr.ReadyState() != "open" || tr.Parser().Protocol() != 4 {
		t.Errorf("the transport is %+v", tr)
	}
	tr.Close()
	session.wantClosed("forced close")
}
