package engine_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"chorus/engine"

	"github.com/rs/cors"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

func TestHandshakeSaysWhatTheOptionsAre(t *testing.T) {
	cases := []struct {
		name     string
		change   func(*engine.Options)
		upgrades []string
	}{
		{"both transports", func(*engine.Options) {}, []string{"websocket"}},
		{"no upgrades", func(o *engine.Options) { o.NoUpgrades = true }, []string{}},
		{"polling alone", func(o *engine.Options) { o.Transports = []string{engine.Polling} }, []string{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			opts := engine.Options{PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond, MaxPayload: 12345}
			c.change(&opts)
			s := start(t, opts, nil)
			open := s.poll().open
			if !slices.Equal(open.Upgrades, c.upgrades) || open.Upgrades == nil {
				t.Errorf("upgrades: %v, want %v", open.Upgrades, c.upgrades)
			}
			if open.PingInterval != 300 || open.PingTimeout != 200 || open.MaxPayload != 12345 {
				t.Errorf("got %+v", open)
			}
			if session := s.session(); open.SID == "" || session.Id() != open.SID || session.Transport().Name() != "polling" || session.Protocol() != 4 {
				t.Errorf("the session %q of revision %d is on %s", session.Id(), session.Protocol(), session.Transport().Name())
			}
		})
	}
	t.Run("defaults, by WebSocket", func(t *testing.T) {
		s := start(t, engine.Options{}, nil)
		open := s.dial("EIO=4&transport=websocket", nil).wantOpen()
		if open.Upgrades == nil || len(open.Upgrades) != 0 || open.PingInterval != 25000 || open.PingTimeout != 20000 || open.MaxPayload != 1000000 {
			t.Errorf("got %+v", open)
		}
		if session := s.session(); session.Id() != open.SID || session.Transport().Name() != "websocket" || session.Upgraded() {
			t.Errorf("the session %q is on %s", session.Id(), session.Transport().Name())
		}
	})
}

func TestWebSocketHandshake(t *testing.T) {
	s := start(t, calm(), nil)
	c := s.connect()
	// RFC 6455 section 4.2.2: base64 of SHA-1 of the key and the GUID.
	if got := c.header.Get("Sec-WebSocket-Accept"); got != "BACScCJPNqyz+UBoqMH89VmURoA=" {
		t.Errorf("Sec-WebSocket-Accept is %q", got)
	}
	if got := c.header.Get("Sec-WebSocket-Extensions"); got != "" {
		t.Errorf("the extensions %q were not offered", got)
	}
}

func TestRefusals(t *testing.T) {
	cases := []struct {
		name    string
		method  string
		query   string
		allow3  bool
		status  int
		code    int
		message string
	}{
		{"no transport", "GET", "EIO=4", false, 400, 0, "Transport unknown"},
		{"unknown transport", "GET", "EIO=4&transport=abc", false, 400, 0, "Transport unknown"},
		{"transport of another engine", "GET", "EIO=4&transport=webtransport", false, 400, 0, "Transport unknown"},
		{"unknown session", "GET", "EIO=4&transport=polling&sid=abc", false, 400, 1, "Session ID unknown"},
		{"unknown session, POST", "POST", "EIO=4&transport=polling&sid=abc", false, 400, 1, "Session ID unknown"},
		{"POST", "POST", "EIO=4&transport=polling", false, 400, 2, "Bad handshake method"},
		{"PUT", "PUT", "EIO=4&transport=polling", false, 400, 2, "Bad handshake method"},
		{"DELETE", "DELETE", "EIO=4&transport=polling", false, 400, 2, "Bad handshake method"},
		{"WebSocket that is none", "GET", "EIO=4&transport=websocket", false, 400, 3, "Bad request"},
		{"no revision", "GET", "transport=polling", false, 400, 5, "Unsupported protocol version"},
		{"revision 2", "GET", "EIO=2&transport=polling", true, 400, 5, "Unsupported protocol version"},
		{"revision abc", "GET", "EIO=abc&transport=polling", true, 400, 5, "Unsupported protocol version"},
		{"revision 3", "GET", "EIO=3&transport=polling", false, 400, 5, "Unsupported protocol version"},
		{"JSONP of revision 4", "GET", "EIO=4&transport=polling&j=0", true, 400, 3, "Bad request"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			opts := calm()
			opts.AllowEIO3 = c.allow3
			s := start(t, opts, nil)
			errs := make(chan *types.ErrorMessage, 1)
			_ = s.On("connection_error", func(args ...any) { errs <- args[0].(*types.ErrorMessage) })
			s.do(c.method, c.query, "", nil).wantRefusal(t, c.status, c.code, c.message)
			if got := receive(t, "connection_error", errs); got.Code != c.code || got.Req.Method() != c.method {
				t.Errorf("the listener heard of %d", got.Code)
			}
			if s.ClientsCount() != 0 {
				t.Error("a refused request has a session")
			}
		})
	}
}

func TestRefusalsOfWebSockets(t *testing.T) {
	cases := []struct {
		name    string
		query   string
		status  int
		code    int
		message string
	}{
		{"no transport", "EIO=4", 400, 0, "Transport unknown"},
		{"unknown transport", "EIO=4&transport=abc", 400, 0, "Transport unknown"},
		{"polling that would be a WebSocket", "EIO=4&transport=polling", 400, 3, "Bad request"},
		{"unknown session", "EIO=4&transport=websocket&sid=abc", 400, 1, "Session ID unknown"},
		{"no revision", "transport=websocket", 400, 5, "Unsupported protocol version"},
		{"revision 2", "EIO=2&transport=websocket", 400, 5, "Unsupported protocol version"},
		{"revision abc", "EIO=abc&transport=websocket", 400, 5, "Unsupported protocol version"},
		{"revision 3", "EIO=3&transport=websocket", 400, 5, "Unsupported protocol version"},
		{"JSONP of revision 4", "EIO=4&transport=websocket&j=0", 400, 3, "Bad request"},
	}
	s := start(t, calm(), nil)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s.dial(c.query, nil).answer().wantRefusal(t, c.status, c.code, c.message)
		})
	}
	if s.ClientsCount() != 0 {
		t.Error("a refused request has a session")
	}
}

// RFC 6455 section 4.2.1: what makes a handshake invalid. No session stays of one.
func TestInvalidWebSocketHandshakes(t *testing.T) {
	s := start(t, calm(), nil)
	for name, change := range map[string]func(http.Header){
		"version 8": func(h http.Header) { h.Set("Sec-WebSocket-Version", "8") },
		"no key":    func(h http.Header) { h.Del("Sec-WebSocket-Key") },
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := http.NewRequest(http.MethodGet, s.url+"/?EIO=4&transport=websocket", nil)
			r.Header = http.Header{
				"Upgrade": {"websocket"}, "Connection": {"Upgrade"},
				"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"MDEyMzQ1Njc4OWFiY2RlZg=="},
			}
			change(r.Header)
			if got := s.roundTrip(r); got.status < 400 {
				t.Errorf("answered with %d", got.status)
			}
			eventually(t, "no session is left", func() bool { return s.ClientsCount() == 0 })
		})
	}
}

// JSONP belongs to revision 3: a session of revision 4 has none later either.
func TestJSONPOfASessionOfRevision4(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	s.do("GET", p.query+"&j=0", "", nil).wantRefusal(t, 400, 3, "Bad request")
	s.session().wantOpen()
}

func TestMethodsOfASession(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	for _, method := range []string{"PUT", "DELETE", "PATCH"} {
		s.do(method, p.query, "", nil).wantRefusal(t, 400, 3, "Bad request")
	}
	s.do("GET", "EIO=4&transport=websocket&sid="+p.sid, "", nil).wantRefusal(t, 400, 3, "Bad request")
	s.session().wantOpen()
}

func TestAllowRequest(t *testing.T) {
	opts := calm()
	opts.AllowRequest = func(r *http.Request) error {
		if r.URL.Query().Get("token") != "right" {
			return errors.New("wrong token")
		}
		return nil
	}
	s := start(t, opts, nil)
	s.do("GET", "EIO=4&transport=polling", "", nil).wantRefusal(t, 403, 4, "wrong token")
	s.dial("EIO=4&transport=websocket&token=left", nil).answer().wantRefusal(t, 403, 4, "wrong token")
	s.dial("EIO=4&transport=websocket&token=right", nil).wantOpen()
}

func TestGenerateID(t *testing.T) {
	opts := calm()
	opts.GenerateID = func(r *http.Request) string { return "id-of-" + r.Header.Get("X-Name") }
	s := start(t, opts, nil)
	if got := s.dial("EIO=4&transport=websocket", nil, "X-Name: alice").wantOpen().SID; got != "id-of-alice" {
		t.Errorf("the id is %q", got)
	}
	if _, ok := s.Clients().Load("id-of-alice"); !ok {
		t.Error("nobody has this id")
	}
	ids := map[string]bool{}
	s = start(t, calm(), nil)
	for range 100 {
		id := s.poll().sid
		if ids[id] || len(id) < 20 {
			t.Fatalf("the id %q is too short, or was there before", id)
		}
		ids[id] = true
	}
}

func TestCookie(t *testing.T) {
	opts := calm()
	opts.Cookie = &http.Cookie{}
	s := start(t, opts, nil)
	answer := s.do("GET", "EIO=4&transport=polling", "", nil)
	p := s.pollerOf("EIO=4", answer.body)
	if got, want := answer.header.Get("Set-Cookie"), "io="+p.sid+"; Path=/; SameSite=Lax"; got != want {
		t.Errorf("the cookie is %q, want %q", got, want)
	}
	if got := p.post("4x").header.Get("Set-Cookie"); got != "" {
		t.Errorf("a further answer has the cookie %q", got)
	}

	opts.Cookie = &http.Cookie{Name: "chorus", Path: "/chat", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode}
	s = start(t, opts, nil)
	c := s.dial("EIO=4&transport=websocket", nil)
	if got, want := c.header.Get("Set-Cookie"), "chorus="+c.wantOpen().SID+"; Path=/chat; HttpOnly; Secure; SameSite=Strict"; got != want {
		t.Errorf("the cookie is %q, want %q", got, want)
	}
}

func TestHeaders(t *testing.T) {
	s := start(t, calm(), nil)
	_ = s.On("initial_headers", func(args ...any) { args[0].(*types.ParameterBag).Set("X-First", "yes") })
	_ = s.On("headers", func(args ...any) {
		args[0].(*types.ParameterBag).Set("X-Every", args[1].(*types.HttpContext).Method())
	})
	answer := s.do("GET", "EIO=4&transport=polling", "", nil)
	p := s.pollerOf("EIO=4", answer.body)
	s.session().SendMessage(textMessage("hi"))
	ws := s.dial("EIO=4&transport=websocket", nil)
	probe := s.dial("EIO=4&transport=websocket&sid="+p.sid, nil)
	for _, c := range []struct {
		name         string
		header       http.Header
		first, every string
	}{
		{"handshake", answer.header, "yes", "GET"},
		{"GET", p.get().header, "", "GET"},
		{"POST", p.post("4x").header, "", "POST"},
		{"WebSocket", ws.header, "yes", "GET"},
		{"upgrade", probe.header, "", "GET"},
	} {
		if first, every := c.header.Get("X-First"), c.header.Get("X-Every"); first != c.first || every != c.every {
			t.Errorf("%s has X-First %q, X-Every %q", c.name, first, every)
		}
	}
}

func TestCORS(t *testing.T) {
	opts := calm()
	opts.CORS = &cors.Options{AllowedOrigins: []string{"https://app.example"}, AllowCredentials: true, AllowedMethods: []string{"GET", "POST"}}
	s := start(t, opts, nil)
	ask := func(method, origin string) answer {
		r, _ := http.NewRequest(method, s.url+"/?EIO=4&transport=polling", nil)
		r.Header.Set("Origin", origin)
		if method == http.MethodOptions {
			r.Header.Set("Access-Control-Request-Method", "POST")
		}
		return s.roundTrip(r)
	}
	preflight := ask(http.MethodOptions, "https://app.example")
	if preflight.status != 204 || preflight.header.Get("Access-Control-Allow-Origin") != "https://app.example" || preflight.header.Get("Access-Control-Allow-Methods") != "POST" {
		t.Errorf("the preflight got %d %v", preflight.status, preflight.header)
	}
	if got := ask(http.MethodOptions, "https://evil.example").header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("a foreign page may read: %q", got)
	}
	if got := ask(http.MethodGet, "https://app.example"); got.status != 200 || got.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("the request got %d %v", got.status, got.header)
	}
	if s.ClientsCount() != 1 {
		t.Errorf("there are %d sessions", s.ClientsCount())
	}
	c := s.dial("EIO=4&transport=websocket", nil, "Origin: https://app.example")
	if got := c.header.Get("Access-Control-Allow-Origin"); got != "https://app.example" {
		t.Errorf("the WebSocket's answer allows %q", got)
	}
}

func TestMiddlewares(t *testing.T) {
	s := start(t, calm(), nil)
	var order []string
	s.Use(func(ctx *types.HttpContext, next func(error)) {
		order = append(order, "first")
		ctx.ResponseHeaders().Set("X-Powered-By", "Chorus")
		next(nil)
	})
	s.Use(func(ctx *types.HttpContext, next func(error)) {
		order = append(order, "second")
		switch ctx.Query().Peek("what") {
		case "error":
			next(errors.New("no"))
		case "answer":
			_ = ctx.SetStatusCode(http.StatusTeapot)
			_, _ = ctx.Write([]byte("I am a teapot"))
		case "both":
			_ = ctx.SetStatusCode(http.StatusTeapot)
			_, _ = ctx.Write([]byte("I am a teapot"))
			next(nil)
		case "twice":
			next(nil)
			next(errors.New("no"))
		default:
			next(nil)
		}
	})
	s.do("GET", "EIO=4&transport=polling&what=error", "", nil).wantRefusal(t, 400, 3, "Bad request")
	s.do("GET", "EIO=4&transport=polling&what=answer", "", nil).want(t, http.StatusTeapot, "I am a teapot")
	s.do("GET", "EIO=4&transport=polling&what=both", "", nil).want(t, http.StatusTeapot, "I am a teapot")
	if s.ClientsCount() != 0 {
		t.Error("a refused request has a session")
	}
	if got := strings.Join(order, " "); got != "first second first second first second" {
		t.Errorf("called: %s", got)
	}
	if got := s.do("GET", "EIO=4&transport=polling&what=twice", "", nil); got.status != 200 {
		t.Errorf("next called twice: %d %q", got.status, got.body)
	}
	if got := s.do("GET", "EIO=4&transport=polling", "", nil); got.status != 200 || got.header.Get("X-Powered-By") != "Chorus" {
		t.Errorf("got %d %v", got.status, got.header)
	}
	c := s.connect()
	if got := c.header.Get("X-Powered-By"); got != "Chorus" {
		t.Errorf("the WebSocket's answer has %v", c.header)
	}
}

func TestRequestOfASession(t *testing.T) {
	opts := calm()
	opts.RemoteAddress = func(r *http.Request) string { return r.Header.Get("X-Forwarded-For") }
	s := start(t, opts, nil)
	s.dial("EIO=4&transport=websocket&room=a", nil, "X-Forwarded-For: 192.0.2.7", "Cookie: a=b").wantOpen()
	session := s.session()
	r := session.Request()
	if session.RemoteAddress() != "192.0.2.7" || r.Query().Peek("room") != "a" || r.Headers().Peek("Cookie") != "a=b" {
		t.Errorf("the request is %v, from %s", r.Request().Header, session.RemoteAddress())
	}
}
