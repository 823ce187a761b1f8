package auth_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"chorus/adapter"
	"chorus/auth"
	"chorus/auth/limit"
	"chorus/auth/refusal"
	"chorus/auth/revocation"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// shortLived is a token of the subject that is good for so long.
func shortLived(t *testing.T, sub string, life time.Duration) string {
	t.Helper()
	exp := float64(time.Now().Add(life).UnixMilli()) / 1000
	return sign(t, secret, map[string]any{"sub": sub, "exp": exp, "jti": sub + "-" + life.String()})
}

func strict(o *auth.Options) { o.Leeway = -1 }

// liveServer runs a server without leeway whose ends and refreshes are seen.
func liveServer(t *testing.T, opts auth.MiddlewareOptions) (io *server, refreshes, ends chan string) {
	t.Helper()
	refreshes, ends = make(chan string, 16), make(chan string, 16)
	opts.ObserveRefresh = func(code string) { refreshes <- code }
	opts.ObserveEnd = func(code string) { ends <- code }
	io = listen(t, auth.Adapter(adapter.NewMemory()), nil)
	io.Use(auth.Middleware(newVerifier(t, strict), opts))
	return io, refreshes, ends
}

// event returns the name and the first argument of the next packet, which must be an event.
func (c *client) event() (name string, arg map[string]any) {
	c.t.Helper()
	packet := c.next()
	var event []json.RawMessage
	if !strings.HasPrefix(packet, "2[") || json.Unmarshal([]byte(packet[1:]), &event) != nil {
		c.t.Fatalf("got packet %q, want an event", packet)
	}
	if err := json.Unmarshal(event[0], &name); err != nil {
		c.t.Fatal(err)
	}
	if len(event) > 1 {
		if err := json.Unmarshal(event[1], &arg); err != nil {
			c.t.Fatal(err)
		}
	}
	return name, arg
}

// expect fails unless the next packet is this event, and returns its argument.
func (c *client) expect(name string) map[string]any {
	c.t.Helper()
	got, arg := c.event()
	if got != name {
		c.t.Fatalf("got event %q %v, want %q", got, arg, name)
	}
	return arg
}

// enter has the client authenticate in the way of the mode.
func (c *client) enter(mode auth.Mode, token string) {
	c.t.Helper()
	if mode == auth.ModeHandshake {
		c.connect(tokenObject(token))
		return
	}
	c.connect("")
	c.send(authenticate(token))
	c.expect("authenticated")
}

// Both ways in: a client that shows no new token is told of the end of its token, before and at it.
func TestTokenExpires(t *testing.T) {
	t.Parallel()
	for _, mode := range []auth.Mode{auth.ModeHandshake, auth.ModeEvent, auth.ModeBoth} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			io, _, ends := liveServer(t, auth.MiddlewareOptions{Mode: mode, ExpiryNotice: 400 * time.Millisecond})
			conns := connections(t, io.Sockets())
			cl := dial(t, io, "", nil)
			token := shortLived(t, "ada", 700*time.Millisecond)
			cl.enter(mode, token)
			gone := disconnected(t, receive(t, conns))

			notice := cl.expect("token:expiring")
			if left := notice["exp"].(float64) - float64(time.Now().Unix()); math.Abs(left) > 2 || notice["seconds"] != 0.0 {
				t.Errorf("notice %v", notice)
			}
			if bye := cl.expect("token:expired"); bye["code"] != "token_expired" || bye["message"] != "jwt expired" {
				t.Errorf("farewell %v", bye)
			}
			cl.ended("1")
			receive(t, gone)
			if code := receive(t, ends); code != "token_expired" {
				t.Errorf("observed the end %q", code)
			}
		})
	}
}

// A token of less life than the notice: the client is told at once, after it has connected.
func TestNoticeAtOnce(t *testing.T) {
	t.Parallel()
	io, _, _ := liveServer(t, auth.MiddlewareOptions{})
	cl := dial(t, io, "", nil)
	cl.connect(tokenObject(shortLived(t, "ada", 20*time.Second)))
	if seconds := cl.expect("token:expiring")["seconds"].(float64); seconds < 10 || seconds > 20 {
		t.Errorf("%v seconds", seconds)
	}
}

func TestNoNotice(t *testing.T) {
	t.Parallel()
	io, _, _ := liveServer(t, auth.MiddlewareOptions{ExpiryNotice: -1})
	cl := dial(t, io, "", nil)
	cl.connect(tokenObject(shortLived(t, "ada", 300*time.Millisecond)))
	cl.expect("token:expired")
}

// The leeway of Verify is that of the connection.
func TestLeewayOfConnection(t *testing.T) {
	t.Parallel()
	io := listen(t, auth.Adapter(adapter.NewMemory()), nil)
	io.Use(auth.Middleware(newVerifier(t, func(o *auth.Options) { o.Leeway = 2 * time.Second }), auth.MiddlewareOptions{ExpiryNotice: -1}))
	cl := dial(t, io, "", nil)
	cl.connect(tokenObject(shortLived(t, "ada", -1500*time.Millisecond)))
	cl.expect("token:expired")
}

// A new token of the same subject takes the place of the old one, in every mode, and its end counts.
func TestRefresh(t *testing.T) {
	t.Parallel()
	for _, mode := range []auth.Mode{auth.ModeHandshake, auth.ModeEvent, auth.ModeBoth} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			hooked := make(chan *auth.Claims, 1)
			io, refreshes, _ := liveServer(t, auth.MiddlewareOptions{
				Mode: mode, ExpiryNotice: 500 * time.Millisecond,
				Refreshed: func(_ *socket.Socket, claims *auth.Claims) { hooked <- claims },
			})
			conns := connections(t, io.Sockets())
			cl := dial(t, io, "", nil)
			token := shortLived(t, "ada", 900*time.Millisecond)
			if mode == auth.ModeEvent {
				cl.connect("")
				cl.send(authenticate(token))
				cl.expect("authenticated")
			} else {
				cl.connect(tokenObject(token))
			}
			s := receive(t, conns)
			seen := make(chan []any, 1)
			s.OnAny(func(args ...any) { seen <- args })
			heard := make(chan struct{}, 1)
			_ = s.On("hello", func(...any) { heard <- struct{}{} })

			cl.expect("token:expiring")
			exp := time.Now().Unix() + 60
			fresh := sign(t, secret, map[string]any{"sub": "ada", "exp": exp, "role": "admin"})
			cl.send("27" + quote([]any{"token:refresh", map[string]any{"token": fresh}}))
			cl.want("37", quote([]any{map[string]any{"ok": true, "exp": exp}}))

			if role, _ := auth.FromSocket(s).Get("role"); role != "admin" {
				t.Errorf("the socket has the role %v", role)
			}
			if claims := receive(t, hooked); claims != auth.FromSocket(s) {
				t.Error("the hook got other claims")
			}
			if data := s.Data().(map[string]any)["decoded"]; data != auth.FromSocket(s) {
				t.Error("the socket's data has other claims")
			}
			if code := receive(t, refreshes); code != refusal.CodeOK {
				t.Errorf("observed %q", code)
			}
			if args := receive(t, seen); args[0] != "" || args[len(args)-1] != nil {
				t.Errorf("a handler of OnAny has seen %v", args)
			}
			// Longer than the first token would have lived, the client is still there.
			time.Sleep(700 * time.Millisecond)
			cl.send("2" + quote([]any{"hello"}))
			receive(t, heard)
			if err := s.Emit("bye"); err != nil {
				t.Fatal(err)
			}
			cl.expect("bye")
		})
	}
}

// What is no new token of the same subject changes nothing, and the third one ends the socket.
func TestRefreshRefused(t *testing.T) {
	t.Parallel()
	good := goodClaims("eve")
	for name, test := range map[string]struct {
		arg  any
		code string
	}{
		"another subject": {map[string]any{"token": sign(t, secret, good)}, "invalid_subject"},
		"another issuer":  {map[string]any{"token": sign(t, secret, map[string]any{"sub": "ada", "iss": "them", "exp": good["exp"]})}, "invalid_subject"},
		"expired":         {map[string]any{"token": shortLived(t, "ada", -time.Minute)}, "token_expired"},
		"another secret":  {map[string]any{"token": sign(t, strings.ToUpper(secret), goodClaims("ada"))}, "invalid_token"},
		"no token":        {map[string]any{}, "credentials_required"},
		"not an object":   {"token", "credentials_required"},
		"a number":        {map[string]any{"token": 7}, "credentials_bad_format"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			io, refreshes, ends := liveServer(t, auth.MiddlewareOptions{})
			conns := connections(t, io.Sockets())
			cl := dial(t, io, "", nil)
			cl.connect(tokenObject(sign(t, secret, goodClaims("ada"))))
			s := receive(t, conns)
			claims := auth.FromSocket(s)
			for range 3 {
				cl.send("21" + quote([]any{"token:refresh", test.arg}))
				packet := cl.next()
				if !strings.HasPrefix(packet, `31[{`) || !strings.Contains(packet, `"code":"`+test.code+`"`) || !strings.Contains(packet, `"ok":false`) {
					t.Fatalf("answer %q", packet)
				}
				if code := receive(t, refreshes); code != test.code {
					t.Errorf("observed %q", code)
				}
				if auth.FromSocket(s) != claims {
					t.Error("the socket has other claims")
				}
			}
			if test.code == "token_expired" {
				cl.expect("token:expired")
			} else {
				cl.expect("unauthorized")
			}
			cl.ended("1")
			if code := receive(t, ends); code != test.code {
				t.Errorf("observed the end %q", code)
			}
		})
	}
}

// A client that has not authenticated has nothing to refresh.
func TestRefreshOfNobody(t *testing.T) {
	t.Parallel()
	io, _, _ := liveServer(t, auth.MiddlewareOptions{Mode: auth.ModeEvent})
	conns := connections(t, io.Sockets())
	cl := dial(t, io, "", nil)
	cl.connect("")
	s := receive(t, conns)
	cl.send("21" + quote([]any{"token:refresh", map[string]any{"token": sign(t, secret, goodClaims("ada"))}}))
	cl.want("31", `[{"ok":false,"error":{"code":"credentials_required","message":"no token provided"}}]`)
	if auth.FromSocket(s) != nil {
		t.Error("it is somebody")
	}
}

// A socket whose token is revoked is disconnected, and what it has sent before that and waits for a slow handler
// is not handled any more.
func TestRevokedSocket(t *testing.T) {
	t.Parallel()
	for _, mode := range []auth.Mode{auth.ModeHandshake, auth.ModeEvent} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			revocations := revocation.New(revocation.Options{})
			io := listen(t, auth.Adapter(adapter.NewMemory()), nil)
			io.Use(auth.Middleware(newVerifier(t, func(o *auth.Options) { o.Revoked = revocations.Revoked }), auth.MiddlewareOptions{Mode: mode, Revocations: revocations}))
			conns := connections(t, io.Sockets())
			cl := dial(t, io, "", nil)
			token := sign(t, secret, goodClaims("ada"))
			cl.enter(mode, token)
			s := receive(t, conns)
			gone := disconnected(t, s)
			hold, began, release, read := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{}, 16)
			_ = s.On("slow", func(...any) {
				close(began)
				<-release
			})
			_ = s.On("late", func(...any) { t.Error("an event was handled after the token was revoked") })
			_ = s.Conn().On("data", func(...any) { read <- struct{}{} }) // behind the library's own
			s.Enqueue(func() { <-hold })                                 // all of them are there when the first one is handled
			for _, name := range []string{"slow", "late", "late", "late"} {
				cl.send("2" + quote([]any{name}))
				receive(t, read)
			}
			close(hold)
			receive(t, began)
			if err := revocations.Revoke(t.Context(), revocation.Revocation{Subject: "ada"}); err != nil {
				t.Fatal(err)
			}
			if bye := cl.expect("token:revoked"); bye["code"] != "token_revoked" {
				t.Errorf("farewell %v", bye)
			}
			cl.ended("1")
			receive(t, gone)
			close(release)
		})
	}
}

// A session ends with its socket, whatever ends that, and leaves no timer and nothing in the holds.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	refuseLater := func(s *socket.Socket, next func(*socket.ExtendedError)) {
		if _, refuse := s.Handshake().Query.Query()["refuse"]; refuse {
			next(socket.NewExtendedError("not today", nil))
			return
		}
		next(nil)
	}
	for name, test := range map[string]struct {
		query string
		end   func(cl *client, s *socket.Socket)
	}{
		"the client leaves":           {"", func(cl *client, _ *socket.Socket) { cl.send("1") }},
		"the connection breaks":       {"", func(cl *client, _ *socket.Socket) { _ = cl.ws.Close() }},
		"the server disconnects":      {"", func(_ *client, s *socket.Socket) { s.Disconnect(false) }},
		"the server closes":           {"", func(_ *client, s *socket.Socket) { s.Disconnect(true) }},
		"a later middleware refuses":  {"&refuse=1", nil},
		"the connection never begins": {"&refuse=1", func(cl *client, _ *socket.Socket) { _ = cl.ws.Close() }},
	} {
		for held, rooms := range map[string]socket.AdapterConstructor{"held": auth.Adapter(adapter.NewMemory()), "not held": adapter.NewMemory()} {
			if held == "not held" && name == "a later middleware refuses" {
				continue // then it ends with the connection, which is the case after it
			}
			t.Run(name+", "+held, func(t *testing.T) {
				t.Parallel()
				verifier := newVerifier(t, nil)
				middleware, live := auth.LiveSessions(verifier, auth.MiddlewareOptions{})
				io := listen(t, rooms, nil)
				io.Use(middleware)
				io.Use(refuseLater)
				conns := connections(t, io.Sockets())
				cl := dial(t, io, test.query, nil)
				token := tokenObject(sign(t, secret, goodClaims("ada")))
				var s *socket.Socket
				if test.query == "" {
					cl.connect(token)
					s = receive(t, conns)
					if n := live(); n != 1 {
						t.Fatalf("%d sessions", n)
					}
				} else {
					cl.send("0" + token)
					cl.want("4", `{"message":"not today","data":null}`)
				}
				if test.end != nil {
					test.end(cl, s)
				}
				await(t, "the session has ended", func() bool { return live() == 0 && auth.Watched(io.Sockets()) == 0 })
			})
		}
	}
}

// The library forgets a socket about which a later middleware never decides. When the connection has closed,
// the session gives up its place among those of the subject all the same.
func TestSessionOfUndecidedSocketEnds(t *testing.T) {
	t.Parallel()
	for name, claims := range map[string]map[string]any{"exp": goodClaims("ada"), "no exp": {"sub": "ada"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := limitOfOne(t)
			verifier := newVerifier(t, func(o *auth.Options) { o.AllowMissingExp = true })
			middleware, live := auth.LiveSessions(verifier, auth.MiddlewareOptions{Limit: one})
			io := listen(t, auth.Adapter(adapter.NewMemory()), nil)
			io.Use(middleware)
			io.Use(func(*socket.Socket, func(*socket.ExtendedError)) {})
			cl := dial(t, io, "", nil)
			cl.send("0" + tokenObject(sign(t, secret, claims)))
			await(t, "there is a session", func() bool { return live() == 1 })
			_ = cl.ws.Close()
			await(t, "the session has ended", func() bool {
				return live() == 0 && auth.Watched(io.Sockets()) == 0 && isFree(one, "ada")
			})
		})
	}
}

// The library also forgets a socket whose connection closes while it connects it.
func TestSessionOfSocketThatIsConnectedTooLateEnds(t *testing.T) {
	t.Parallel()
	one := limitOfOne(t)
	middleware, live := auth.LiveSessions(newVerifier(t, nil), auth.MiddlewareOptions{Limit: one})
	io := listen(t, closingConstructor{auth.Adapter(adapter.NewMemory())}, nil)
	io.Use(middleware)
	conns := connections(t, io.Sockets())
	cl := dial(t, io, "", nil)
	cl.send("0" + tokenObject(sign(t, secret, goodClaims("ada"))))
	s := receive(t, conns)
	await(t, "the session has ended", func() bool { return live() == 0 && isFree(one, "ada") && !s.Connected() })
}

// closingAdapter closes the connection of a socket that enters its first room.
type closingAdapter struct {
	socket.Adapter
	nsp socket.Namespace
}

func (a closingAdapter) Unwrap() socket.Adapter { return a.Adapter }

func (a closingAdapter) AddAll(id socket.SocketId, rooms *types.Set[socket.Room]) {
	if s, ok := a.nsp.Sockets().Load(id); ok {
		closed := make(chan struct{})
		_ = s.Conn().Once("close", func(...any) { close(closed) }) // behind the library's own
		s.Conn().Close(true)
		<-closed
	}
	a.Adapter.AddAll(id, rooms)
}

type closingConstructor struct{ inner socket.AdapterConstructor }

func (c closingConstructor) New(nsp socket.Namespace) socket.Adapter {
	return closingAdapter{c.inner.New(nsp), nsp}
}

// A client whose namespaces come and go leaves nothing on its connection.
func TestSessionLeavesNothingOnTheConnection(t *testing.T) {
	t.Parallel()
	for held, rooms := range map[string]socket.AdapterConstructor{"held": auth.Adapter(adapter.NewMemory()), "not held": adapter.NewMemory()} {
		t.Run(held, func(t *testing.T) {
			t.Parallel()
			middleware, live := auth.LiveSessions(newVerifier(t, nil), auth.MiddlewareOptions{})
			io := listen(t, rooms, nil)
			io.Use(middleware)
			conns := connections(t, io.Sockets())
			cl := dial(t, io, "", nil)
			token, first := tokenObject(sign(t, secret, goodClaims("ada"))), 0
			for i := range 5 {
				cl.connect(token)
				s := receive(t, conns)
				gone := disconnected(t, s)
				switch n := s.Conn().ListenerCount("close"); {
				case i == 0:
					first = n
				case n > first:
					t.Fatalf("%d listeners at connection %d, and %d at the first", n, i+1, first)
				}
				cl.send("1")
				receive(t, gone)
				await(t, "the session has ended", func() bool { return live() == 0 })
			}
		})
	}
}

// TestEachTokenHasItsNotice refreshes with tokens that end within the notice, the same one among them.
func TestEachTokenHasItsNotice(t *testing.T) {
	t.Parallel()
	io, _, _ := liveServer(t, auth.MiddlewareOptions{})
	cl := dial(t, io, "", nil)
	cl.enter(auth.ModeHandshake, shortLived(t, "ada", 20*time.Second))
	cl.expect("token:expiring")
	for range 2 {
		token := shortLived(t, "ada", 20*time.Second)
		cl.send(`2["token:refresh",` + tokenObject(token) + `]`)
		cl.expect("token:expiring")
	}
}

func limitOfOne(t *testing.T) *limit.Connections {
	t.Helper()
	l, err := limit.New(limit.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// isFree reports whether a subject has no connection under a limit of one.
func isFree(one *limit.Connections, subject string) bool {
	release, err := one.Acquire(context.Background(), subject, "a probe", func() {})
	if err != nil {
		return false
	}
	release()
	return true
}
