package auth_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"chorus/adapter"
	"chorus/auth"
	"chorus/auth/refusal"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func TestHandshake(t *testing.T) {
	t.Parallel()
	good := sign(t, secret, goodClaims("ada"))
	bad := sign(t, otherSecret, goodClaims("eve"))
	expired := sign(t, secret, map[string]any{"exp": 1})

	bearer := func(v ...string) http.Header { return http.Header{"Authorization": v} }
	cookie := func(v string) http.Header {
		return http.Header{"Cookie": {v}, "Origin": {"https://app.example"}}
	}
	cases := []struct {
		name   string
		auth   string
		query  string
		header http.Header
		code   string // empty: let in
		reason string
	}{
		{name: "auth", auth: tokenObject(good)},
		{name: "auth, Bearer", auth: tokenObject("Bearer " + good)},
		{name: "header", header: bearer("Bearer " + good)},
		{name: "header, other case", header: bearer("bearer  " + good)},
		{name: "query", query: "&token=" + good},
		{name: "cookie", header: cookie("a=b; session=" + good + "; c=d")},
		{name: "auth before the rest", auth: tokenObject(good), query: "&token=" + bad, header: bearer("Bearer " + bad)},
		{name: "null is nothing", auth: tokenObject(nil), query: "&token=" + good},
		{name: "empty is nothing", auth: tokenObject(""), query: "&token=" + good},
		{name: "nothing", code: "credentials_required", reason: "no token provided"},
		{name: "cookie of another name", header: cookie("token=" + good), code: "credentials_required"},
		{name: "bad auth is not papered over", auth: tokenObject(bad), query: "&token=" + good, code: "invalid_token", reason: "invalid signature"},
		{name: "bad header is not papered over", header: bearer("Bearer " + bad), query: "&token=" + good, code: "invalid_token"},
		{name: "auth is a number", auth: tokenObject(7), query: "&token=" + good, code: "credentials_bad_format"},
		{name: "auth is a list", auth: tokenObject([]string{good}), code: "credentials_bad_format"},
		{name: "Basic and the query", header: bearer("Basic YTpi"), query: "&token=" + good},
		{name: "Negotiate, Digest and Bearer", header: bearer("Negotiate YTpi", `Digest username="a", qop=auth`, "Bearer "+good)},
		{name: "Basic alone", header: bearer("Basic YTpi"), code: "credentials_required"},
		{name: "a scheme without more", header: bearer("Negotiate"), code: "credentials_required"},
		{name: "Basic and a cookie", header: http.Header{"Authorization": {"Basic YTpi"}, "Cookie": {"session=" + good}, "Origin": {"https://app.example"}}},
		{name: "cookie encoded as in a URL", header: cookie("session=Bearer%20" + good)},
		{name: "cookie in quotes", header: cookie(`session="` + good + `"`)},
		{name: "Bearer and no token", header: bearer("Bearer "), code: "credentials_bad_format"},
		{name: "header without a scheme", header: bearer(good), code: "credentials_bad_format"},
		{name: "header twice", header: bearer("Bearer "+good, "Bearer "+good), code: "credentials_bad_format"},
		{name: "query twice", query: "&token=" + good + "&token=" + good, code: "credentials_bad_format"},
		{name: "cookie twice, the first counts", header: cookie("session=" + good + "; session=" + bad)},
		{name: "cookie twice, the first is bad", header: cookie("session=" + bad + "; session=" + good), code: "invalid_token"},
		{name: "expired", auth: tokenObject(expired), code: "token_expired", reason: "jwt expired"},
		{name: "truncated", auth: tokenObject(good[:len(good)/2]), code: "invalid_token", reason: "jwt malformed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			observed := make(chan string, 1)
			io := serve(t, auth.MiddlewareOptions{Cookie: "session", Origins: []string{"https://app.example"}, Observe: func(code string) { observed <- code }})
			conns := connections(t, io.Sockets())
			cl := dial(t, io, c.query, c.header)
			cl.send("0" + c.auth)
			if c.code == "" {
				if packet := cl.next(); !strings.HasPrefix(packet, `0{"sid":`) {
					t.Fatalf("got %q", packet)
				}
				s := receive(t, conns)
				if claims := auth.FromSocket(s); claims == nil || claims.Subject() != "ada" {
					t.Errorf("got claims %v", claims)
				}
				if code := receive(t, observed); code != refusal.CodeOK {
					t.Errorf("observed %q", code)
				}
				return
			}
			packet := cl.next()
			var refusal struct {
				Message string
				Data    struct{ Code, Reason, Type string }
			}
			if !strings.HasPrefix(packet, "4{") || json.Unmarshal([]byte(packet[1:]), &refusal) != nil {
				t.Fatalf("got %q", packet)
			}
			if refusal.Message != "Authentication error" || refusal.Data.Code != c.code || refusal.Data.Type != "UnauthorizedError" {
				t.Errorf("got %+v, want code %q", refusal, c.code)
			}
			if c.reason != "" && refusal.Data.Reason != c.reason {
				t.Errorf("got reason %q, want %q", refusal.Data.Reason, c.reason)
			}
			if code := receive(t, observed); code != c.code {
				t.Errorf("observed %q", code)
			}
			cl.send("0" + tokenObject(good)) // the connection stays open: the client may try again
			cl.next()
		})
	}
}

// A Socket.IO v2 client speaks Engine.IO 3: the server connects it to the main namespace by
// itself, and an error is the bare data.
func TestHandshakeOfVersion2(t *testing.T) {
	t.Parallel()
	io := serve(t, auth.MiddlewareOptions{})
	conns := connections(t, io.Sockets())

	cl := dialVersion(t, io, "3", "&token="+sign(t, secret, goodClaims("ada")), nil)
	cl.exactly("0")
	if sub := auth.FromSocket(receive(t, conns)).Subject(); sub != "ada" {
		t.Errorf("got sub %q", sub)
	}

	refused := dialVersion(t, io, "3", "", nil)
	refused.want("4", `{"code":"credentials_required","reason":"no token provided","message":"Authentication error","type":"UnauthorizedError"}`)
}

// A version 2 client sends the query of a namespace with its CONNECT packet.
func TestHandshakeOfVersion2InNamespace(t *testing.T) {
	t.Parallel()
	io := listen(t, adapter.NewMemory(), nil)
	chat := io.Of("/chat", nil)
	chat.Use(auth.Middleware(newVerifier(t, nil), auth.MiddlewareOptions{}))
	conns := connections(t, chat)

	cl := dialVersion(t, io, "3", "", nil)
	cl.exactly("0")
	cl.send("0/chat?token=" + sign(t, secret, goodClaims("ada")))
	cl.exactly("0/chat,")
	s := receive(t, conns)
	if sub := auth.FromSocket(s).Subject(); sub != "ada" {
		t.Errorf("got sub %q", sub)
	}
	if len(s.Handshake().Auth) != 0 {
		t.Errorf("the token stayed in auth: %v", s.Handshake().Auth)
	}
}

// Two namespaces of one connection each find the token of the URL, though it is scrubbed from the
// first one's handshake.
func TestHandshakeOfTwoNamespaces(t *testing.T) {
	t.Parallel()
	io := listen(t, adapter.NewMemory(), nil)
	v := newVerifier(t, nil)
	for _, name := range []string{"/", "/chat", "/news"} {
		io.Of(name, nil).Use(auth.Middleware(v, auth.MiddlewareOptions{}))
	}
	token := sign(t, secret, goodClaims("ada"))
	cl := dial(t, io, "&token="+token, nil)
	for _, connect := range []string{"0", "0/chat,", "0/news,"} {
		cl.send(connect)
		if packet := cl.next(); !strings.HasPrefix(packet, connect+`{"sid":`) {
			t.Fatalf("got %q after %q", packet, connect)
		}
	}

	header := dial(t, io, "", http.Header{"Authorization": {"Bearer " + token}})
	for _, connect := range []string{"0/chat,", "0/news,"} {
		header.send(connect)
		if packet := header.next(); !strings.HasPrefix(packet, connect+`{"sid":`) {
			t.Fatalf("got %q after %q", packet, connect)
		}
	}
}

func TestTokenIsScrubbed(t *testing.T) {
	t.Parallel()
	for _, mode := range []auth.Mode{auth.ModeHandshake, auth.ModeEvent, auth.ModeBoth} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			io := serve(t, auth.MiddlewareOptions{Mode: mode, Cookie: "session", Scrub: []string{"x-ticket", "key"}})
			conns := connections(t, io.Sockets())
			token := sign(t, secret, goodClaims("ada"))
			cl := dial(t, io, "&a=1&%74oken="+token+"&access_token="+token+"&KEY="+token+"&b=%20", http.Header{
				"X-Ticket":      {token},
				"Authorization": {"Bearer " + token},
				"Cookie":        {"theme=dark; session=" + token + "; lang=de"},
				"Referer":       {"https://app.example/chat?a=1&token=" + token},
			})
			cl.connect(`{"token":` + quote(token) + `,"Key":` + quote(token) + `,"room":"7"}`)

			h := receive(t, conns).Handshake()
			data, err := json.Marshal(h)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(data), token) {
				t.Errorf("the token stayed: %s", data)
			}
			if want := "/socket.io/?EIO=4&transport=websocket&a=1&b=%20"; h.Url != want {
				t.Errorf("got URL %q, want %q", h.Url, want)
			}
			if h.Auth["room"] != "7" || h.Query.Query().Get("a") != "1" || h.Headers.Header().Get("Cookie") != "theme=dark; lang=de" {
				t.Errorf("too much is gone: %s", data)
			}
			if page := h.Headers.Header().Get("Referer"); page != "https://app.example/chat?a=1&token=redacted" {
				t.Errorf("got Referer %q", page)
			}
		})
	}
}

func TestDataCarriesClaims(t *testing.T) {
	t.Parallel()
	io := listen(t, adapter.NewMemory(), nil)
	mine := map[string]any{"mine": 1}
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		s.SetData(mine)
		next(nil)
	})
	io.Use(auth.Middleware(newVerifier(t, nil), auth.MiddlewareOptions{}))
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		if auth.FromSocket(s).Subject() != "ada" {
			next(socket.NewExtendedError("a later middleware does not see the claims", nil))
			return
		}
		next(nil)
	})
	conns := connections(t, io.Sockets())
	cl := dial(t, io, "", nil)
	cl.connect(tokenObject(sign(t, secret, map[string]any{"sub": "ada", "exp": 4102444800, "n": json.Number("9007199254740993")})))

	data, err := json.Marshal(receive(t, conns).Data())
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"decoded":{"exp":4102444800,"n":9007199254740993,"sub":"ada"},"mine":1}`; string(data) != want {
		t.Errorf("got data %s, want %s", data, want)
	}
	if len(mine) != 1 {
		t.Error("the application's map was changed")
	}
}

// Refusals observed at the same time by many clients: one verifier, one middleware.
func TestHandshakeConcurrently(t *testing.T) {
	t.Parallel()
	io := serve(t, auth.MiddlewareOptions{})
	good, bad := tokenObject(sign(t, secret, goodClaims("ada"))), tokenObject(sign(t, otherSecret, goodClaims("eve")))
	clients := make([]*client, 16)
	for i := range clients {
		clients[i] = dial(t, io, "", nil)
	}
	var wg sync.WaitGroup
	packets := make([]string, len(clients))
	for i, cl := range clients {
		wg.Go(func() {
			cl.send("0" + []string{good, bad}[i%2])
			packets[i] = cl.next()
		})
	}
	wg.Wait()
	let := slices.DeleteFunc(packets, func(packet string) bool { return !strings.HasPrefix(packet, "0{") })
	if len(let) != len(clients)/2 {
		t.Errorf("%d clients were let in, want %d", len(let), len(clients)/2)
	}
}
