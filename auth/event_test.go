package auth_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"chorus/adapter"
	"chorus/auth"
	"chorus/auth/refusal"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// unauthorized is the event of that name for a code and a message.
func unauthorized(code, message string) string {
	return quote([]any{"unauthorized", map[string]any{
		"message": message,
		"data":    map[string]any{"code": code, "type": "UnauthorizedError", "message": message},
	}})
}

func authenticate(token any) string {
	return "2" + quote([]any{"authenticate", map[string]any{"token": token}})
}

// Until a client has authenticated it is nobody; from then on it is somebody.
func TestEventMode(t *testing.T) {
	t.Parallel()
	for name, rooms := range adapters {
		for parserName, p := range parsers {
			t.Run(name+" adapter, "+parserName+" parser", func(t *testing.T) {
				t.Parallel()
				testEventMode(t, rooms, p)
			})
		}
	}
}

func testEventMode(t *testing.T, rooms socket.AdapterConstructor, p parser.Parser) {
	t.Helper()
	io := listen(t, auth.Adapter(rooms), withParser(p))
	io.Use(auth.Middleware(newVerifier(t, nil), auth.MiddlewareOptions{Mode: auth.ModeEvent}))
	conns, raised := connections(t, io.Sockets()), sockets(t, io.Sockets(), "authenticated")

	cl := dial(t, io, "", nil)
	cl.connect("")
	s := receive(t, conns)

	if auth.FromSocket(s) != nil || s.Data() != nil {
		t.Error("nobody has claims")
	}
	s.Join("lobby")
	io.SocketsJoin("lobby")
	if rooms := s.Rooms().Keys(); len(rooms) != 0 {
		t.Errorf("nobody is in rooms %v", rooms)
	}
	if found := fetch(t, io); len(found) != 0 {
		t.Errorf("fetchSockets finds nobody: %v", found)
	}
	io.Emit("news", "before")
	io.To("lobby").Emit("news", "before")
	io.To(socket.Room(s.Id())).Emit("news", "before")
	io.DisconnectSockets(true)

	cl.send(authenticate(sign(t, secret, goodClaims("ada"))))
	cl.exactly(`2["authenticated"]`)
	if got := receive(t, raised); got != s {
		t.Error("authenticated was raised with another socket")
	}
	if claims := auth.FromSocket(s); claims == nil || claims.Subject() != "ada" {
		t.Errorf("got claims %v", claims)
	}
	if data, ok := s.Data().(map[string]any); !ok || data["decoded"] != any(auth.FromSocket(s)) {
		t.Errorf("got data %v", s.Data())
	}
	if rooms := s.Rooms().Keys(); !slices.Equal(rooms, []socket.Room{socket.Room(s.Id())}) {
		t.Errorf("somebody is in rooms %v", rooms)
	}
	if found := fetch(t, io); !slices.Equal(found, []socket.SocketId{s.Id()}) {
		t.Errorf("fetchSockets finds %v", found)
	}
	s.Join("lobby")
	io.Emit("news", "after")
	cl.exactly(`2["news","after"]`)
	io.To("lobby").Emit("news", "lobby")
	cl.exactly(`2["news","lobby"]`)
	if n := auth.Held(io.Sockets()); n != 0 {
		t.Errorf("%d sockets are held", n)
	}
}

func fetch(t *testing.T, io *server) []socket.SocketId {
	t.Helper()
	var ids []socket.SocketId
	io.FetchSockets()(func(found []*socket.RemoteSocket, err error) {
		if err != nil {
			t.Error(err)
		}
		for _, s := range found {
			ids = append(ids, s.Id())
		}
	})
	return ids
}

func TestEventsOfNobodyAreRefused(t *testing.T) {
	t.Parallel()
	io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeEvent})
	type call struct {
		via  string
		args []any
	}
	calls := make(chan call, 16)
	if err := io.Sockets().On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		for _, event := range []string{"message", "authenticate", "error"} {
			_ = s.On(event, func(args ...any) { calls <- call{event, args} })
		}
		s.OnAny(func(args ...any) {
			if args[0] != "" {
				calls <- call{"any", args}
			}
		})
		s.Use(func(args []any, next func(error)) {
			calls <- call{"use", args}
			next(nil)
		})
	}); err != nil {
		t.Fatal(err)
	}
	cl := dial(t, io, "", nil)
	cl.connect("")
	cl.send(`2["message","no ack"]`)
	cl.send(`27["message","ack"]`)
	cl.want("37", `[{"ok":false,"error":{"code":"credentials_required","message":"no token provided"}}]`)
	cl.send(`28["error"]`)
	cl.want("38", `[{"ok":false,"error":{"code":"credentials_required","message":"no token provided"}}]`)
	cl.send(authenticate(sign(t, secret, goodClaims("ada"))))
	cl.exactly(`2["authenticated"]`)
	cl.send(`2["message","in"]`)

	for _, via := range []string{"any", "use", "message"} {
		got := receive(t, calls)
		if got.via != via || got.args[len(got.args)-1] != "in" {
			t.Errorf("got %v, want the last message via %s", got, via)
		}
	}
}

// TestNobodyCannotFlood sends more events than a client has reason for before it has authenticated.
func TestNobodyCannotFlood(t *testing.T) {
	t.Parallel()
	cl := dial(t, serve(t, auth.MiddlewareOptions{Mode: auth.ModeEvent}), "", nil)
	cl.connect("")
	for range 99 {
		cl.send(`2["message"]`)
	}
	cl.send(`21["message"]`)
	cl.want("31", `[{"ok":false,"error":{"code":"credentials_required","message":"no token provided"}}]`)
	cl.ended(`1`)
}

func TestUnauthorized(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, packet, code, message string
	}{
		{"expired", authenticate(sign(t, secret, map[string]any{"exp": 1})), "token_expired", "jwt expired"},
		{"wrong secret", authenticate(sign(t, otherSecret, goodClaims("eve"))), "invalid_token", "invalid signature"},
		{"no argument", `2["authenticate"]`, "credentials_required", "no token provided"},
		{"no object", `2["authenticate","x"]`, "credentials_required", "no token provided"},
		{"no token", `2["authenticate",{}]`, "credentials_required", "no token provided"},
		{"null", authenticate(nil), "credentials_required", "no token provided"},
		{"empty", authenticate(""), "credentials_required", "no token provided"},
		{"number", authenticate(7), "credentials_bad_format", refusal.Reason(auth.ErrCredentialsFormat)},
	}
	for _, c := range cases {
		for name, p := range parsers {
			t.Run(c.name+" with the parser of "+name, func(t *testing.T) {
				t.Parallel()
				testUnauthorized(t, p, c.packet, c.code, c.message)
			})
		}
	}
}

func testUnauthorized(t *testing.T, p parser.Parser, packet, wantCode, message string) {
	t.Helper()
	observed := make(chan string, 4)
	io := listen(t, auth.Adapter(adapter.NewMemory()), withParser(p))
	io.Use(auth.Middleware(newVerifier(t, nil), auth.MiddlewareOptions{
		Mode: auth.ModeEvent, Observe: func(code string) { observed <- code },
	}))
	conns := connections(t, io.Sockets())
	cl := dial(t, io, "", nil)
	cl.connect("")
	gone := disconnected(t, receive(t, conns))
	cl.send(packet)
	cl.want("20", unauthorized(wantCode, message))
	if code := receive(t, observed); code != wantCode {
		t.Errorf("observed %q", code)
	}
	cl.send("30[]") // calls the acknowledgement
	cl.ended("1")
	receive(t, gone)
}

// With a parser that leaves arguments as they came, the middleware reads the JSON itself: an object
// that could be read in two ways, as one that names two tokens, opens nothing.
func TestAuthenticateWithRawJSON(t *testing.T) {
	t.Parallel()
	good := quote(sign(t, secret, goodClaims("ada")))
	format := refusal.Reason(auth.ErrCredentialsFormat)
	for name, packet := range map[string]string{
		"two tokens, the last is good":  `2["authenticate",{"token":"x","token":` + good + `}]`,
		"two tokens, the first is good": `2["authenticate",{"token":` + good + `,"token":"x"}]`,
		"one of them in disguise":       `2["authenticate",{"token":` + good + `,"tok\u0065n":"x"}]`,
		"one of them null":              `2["authenticate",{"token":null,"token":` + good + `}]`,
		"another name twice":            `2["authenticate",{"a":1,"token":` + good + `,"a":1}]`,
		"a name twice further inside":   `2["authenticate",{"token":` + good + `,"a":[{"b":1,"b":1}]}]`,
		"nested too deep":               `2["authenticate",{"token":` + good + `,"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}]`,
		"a list":                        `2["authenticate",{"token":[` + good + `]}]`,
		"an object":                     `2["authenticate",{"token":{"token":` + good + `}}]`,
		"true":                          `2["authenticate",{"token":true}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testUnauthorized(t, parsers["codec"], packet, refusal.CodeCredentialsBadFormat, format)
		})
	}
	for name, packet := range map[string]string{
		"the name in disguise": `2["\u0061uthenticate",{"tok\u0065n" : ` + good + ` }]`,
		"more beside it":       `2["authenticate",{"a":1e400,"token":` + good + `,"b":[{"token":1}]},{"token":2}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			io := listen(t, auth.Adapter(adapter.NewMemory()), withParser(parsers["codec"]))
			io.Use(auth.Middleware(newVerifier(t, nil), auth.MiddlewareOptions{Mode: auth.ModeEvent}))
			cl := dial(t, io, "", nil)
			cl.connect("")
			cl.send(packet)
			cl.exactly(`2["authenticated"]`)
		})
	}
	t.Run("token beside an attachment", func(t *testing.T) {
		t.Parallel()
		io := listen(t, auth.Adapter(adapter.NewMemory()), withParser(parsers["codec"]))
		io.Use(auth.Middleware(newVerifier(t, nil), auth.MiddlewareOptions{Mode: auth.ModeEvent}))
		cl := dial(t, io, "", nil)
		cl.connect("")
		cl.send(`51-["authenticate",{"token":` + good + `,"picture":{"_placeholder":true,"num":0}}]`)
		if err := cl.ws.WriteMessage(websocket.BinaryMessage, []byte{1}); err != nil {
			t.Fatal(err)
		}
		cl.exactly(`2["authenticated"]`)
	})
}

func TestThreeAttempts(t *testing.T) {
	t.Parallel()
	io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeEvent})
	cl := dial(t, io, "", nil)
	cl.connect("")
	bad := authenticate("x")
	cl.send(bad)
	cl.want("20", unauthorized("invalid_token", "jwt malformed"))
	cl.send(bad)
	cl.want("21", unauthorized("invalid_token", "jwt malformed"))
	cl.send(bad)
	cl.want("22", unauthorized("invalid_token", "jwt malformed"))
	cl.ended("1")
	eventually(t, func() bool { return auth.Held(io.Sockets()) == 0 })
}

func TestThirdAttemptMayBeGood(t *testing.T) {
	t.Parallel()
	io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeEvent})
	cl := dial(t, io, "", nil)
	cl.connect("")
	for _, id := range []string{"20", "21"} {
		cl.send(authenticate("x"))
		cl.want(id, unauthorized("invalid_token", "jwt malformed"))
	}
	cl.send(authenticate("Bearer " + sign(t, secret, goodClaims("ada"))))
	cl.exactly(`2["authenticated"]`)
}

// The answer to a bad token may come later. A good token that comes meanwhile is not delayed.
func TestDelayedAnswers(t *testing.T) {
	t.Parallel()
	delays := make(chan string, 10)
	io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeEvent, Delay: func(_ *socket.Socket, reason error) time.Duration {
		delays <- refusal.Code(reason)
		return 300 * time.Millisecond
	}})
	cl := dial(t, io, "", nil)
	cl.connect("")
	cl.send(`20["authenticate",{"token":"x"}]`)
	cl.send(authenticate("Bearer " + sign(t, secret, goodClaims("ada"))))
	cl.exactly(`2["authenticated"]`)
	if packet := cl.next(); !strings.HasPrefix(packet, `30[{"error":{"code":"invalid_token"`) {
		t.Errorf("the bad one is answered %q", packet)
	}
	if code := <-delays; code != "invalid_token" || len(delays) > 0 {
		t.Errorf("delayed for %s, and %d more", code, len(delays))
	}

	guesser := dial(t, io, "", nil)
	guesser.connect("")
	for range 10 {
		guesser.send(authenticate("x"))
	}
	for _, id := range []string{"20", "21", "22"} {
		guesser.want(id, unauthorized("invalid_token", "jwt malformed"))
	}
	guesser.ended("1")
	if n := len(delays); n != 3 {
		t.Errorf("%d tokens were tried", n)
	}
}

func TestEventTimeout(t *testing.T) {
	t.Parallel()
	observed := make(chan string, 1)
	io := serve(t, auth.MiddlewareOptions{
		Mode:         auth.ModeEvent,
		EventTimeout: 20 * time.Millisecond,
		Observe:      func(code string) { observed <- code },
	})
	cl := dial(t, io, "", nil)
	cl.connect("")
	cl.ended("1")
	if code := receive(t, observed); code != refusal.CodeCredentialsRequired {
		t.Errorf("observed %q", code)
	}
	eventually(t, func() bool { return auth.Held(io.Sockets()) == 0 })
}

// The timer of a client that authenticates is stopped; another one's, set later, goes off first.
func TestEventTimeoutSparesTheAuthenticated(t *testing.T) {
	t.Parallel()
	io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeEvent, EventTimeout: 500 * time.Millisecond})
	ada := dial(t, io, "", nil)
	ada.connect("")
	ada.send(authenticate(sign(t, secret, goodClaims("ada"))))
	ada.exactly(`2["authenticated"]`)
	nobody := dial(t, io, "", nil)
	nobody.connect("")
	nobody.ended("1")
	io.Emit("still", "here")
	ada.exactly(`2["still","here"]`)
}

func TestAuthenticateAgain(t *testing.T) {
	t.Parallel()
	io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeEvent})
	conns := connections(t, io.Sockets())
	cl := dial(t, io, "", nil)
	cl.connect("")
	s := receive(t, conns)
	cl.send(authenticate(sign(t, secret, goodClaims("ada"))))
	cl.exactly(`2["authenticated"]`)
	for _, token := range []string{sign(t, secret, goodClaims("eve")), "x"} {
		cl.send(authenticate(token))
		cl.exactly(`2["authenticated"]`)
	}
	if sub := auth.FromSocket(s).Subject(); sub != "ada" {
		t.Errorf("got sub %q", sub)
	}
}

func TestAuthenticateWithAcknowledgement(t *testing.T) {
	t.Parallel()
	io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeEvent})
	cl := dial(t, io, "", nil)
	cl.connect("")
	cl.send(`21["authenticate"]`)
	cl.want("20", unauthorized("credentials_required", "no token provided"))
	cl.want("31", `[{"ok":false,"error":{"code":"credentials_required","message":"no token provided"}}]`)
	for _, id := range []string{"2", "3"} {
		cl.send("2" + id + `["authenticate",` + tokenObject(sign(t, secret, goodClaims("ada"))) + "]")
		cl.exactly(`2["authenticated"]`)
		cl.want("3"+id, `[{"ok":true}]`)
	}
}

func TestEventModeOfVersion2(t *testing.T) {
	t.Parallel()
	io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeEvent})
	conns := connections(t, io.Sockets())
	cl := dialVersion(t, io, "3", "", nil)
	cl.exactly("0")
	receive(t, conns)
	cl.send(authenticate("x"))
	cl.want("20", unauthorized("invalid_token", "jwt malformed"))
	cl.send(authenticate(sign(t, secret, goodClaims("ada"))))
	cl.exactly(`2["authenticated"]`)
}

func TestModeBoth(t *testing.T) {
	t.Parallel()
	good := sign(t, secret, goodClaims("ada"))

	t.Run("token in the handshake", func(t *testing.T) {
		t.Parallel()
		io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeBoth})
		conns := connections(t, io.Sockets())
		cl := dial(t, io, "", nil)
		cl.connect(tokenObject(good))
		if sub := auth.FromSocket(receive(t, conns)).Subject(); sub != "ada" {
			t.Errorf("got sub %q", sub)
		}
		io.Emit("news")
		cl.exactly(`2["news"]`)
		cl.send(authenticate(good)) // a front end that does both
		cl.exactly(`2["authenticated"]`)
	})
	t.Run("bad token in the handshake", func(t *testing.T) {
		t.Parallel()
		io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeBoth})
		cl := dial(t, io, "", nil)
		cl.send("0" + tokenObject("x"))
		cl.want("4", `{"message":"Authentication error","data":{"code":"invalid_token","reason":"jwt malformed","type":"UnauthorizedError"}}`)
	})
	t.Run("token after the handshake", func(t *testing.T) {
		t.Parallel()
		io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeBoth})
		cl := dial(t, io, "", nil)
		cl.connect("")
		io.Emit("news")
		cl.send(authenticate(good))
		cl.exactly(`2["authenticated"]`)
	})
}

func TestEventModeKeepsNumbers(t *testing.T) {
	t.Parallel()
	io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeEvent})
	raised := sockets(t, io.Sockets(), "authenticated")
	cl := dial(t, io, "", nil)
	cl.connect("")
	cl.send(authenticate(sign(t, secret, map[string]any{"exp": 4102444800, "n": json.Number("9007199254740993")})))
	if n, _ := auth.FromSocket(receive(t, raised)).Get("n"); n != json.Number("9007199254740993") {
		t.Errorf("got %v", n)
	}
}

// eventually waits for what no event announces.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-deadline:
			t.Fatal("it did not come true")
		case <-time.After(time.Millisecond):
		}
	}
}
