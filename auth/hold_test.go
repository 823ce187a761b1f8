package auth_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/adapter"
	"chorus/auth"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

func TestAdapterUnwraps(t *testing.T) {
	t.Parallel()
	io := listen(t, auth.Adapter(adapter.NewMemory()), nil)
	if _, ok := adapter.Of(io.Sockets()); !ok {
		t.Error("the inner adapter is not to be found behind the holds")
	}
	if inner := io.Sockets().Adapter().Proto(); inner != io.Sockets().Adapter().(interface{ Unwrap() socket.Adapter }).Unwrap() {
		t.Error("the inner adapter's Proto is not itself any more")
	}
}

func TestAdapterRestoresNoSession(t *testing.T) {
	t.Parallel()
	io := listen(t, auth.Adapter(&socket.SessionAwareAdapterBuilder{}), nil)
	a := io.Sockets().Adapter()
	a.PersistSession(&socket.SessionToPersist{Sid: "sid", Pid: "pid", Rooms: types.NewSet[socket.Room]("room")})
	if session, err := a.RestoreSession("pid", ""); session != nil || err != nil {
		t.Errorf("got %v, %v", session, err)
	}
}

// A disconnection may come at any point of a release. Whoever is first, nothing stays.
func TestAdapterReleasesOrForgets(t *testing.T) {
	t.Parallel()
	for name, rooms := range adapters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			io := listen(t, auth.Adapter(rooms), nil)
			a := io.Sockets().Adapter()
			for i := range 500 {
				id := socket.SocketId(fmt.Sprint(i))
				if !auth.Hold(a, id, time.Minute, func() { t.Error("expired") }) {
					t.Fatal("held already")
				}
				var wg sync.WaitGroup
				wg.Go(func() { auth.Release(a, id) })
				wg.Go(func() { a.DelAll(id) })
				wg.Wait()
			}
			if n := a.Sids().Len(); n != 0 {
				t.Errorf("%d sockets stayed", n)
			}
			if n := a.Rooms().Len(); n != 0 {
				t.Errorf("%d rooms stayed", n)
			}
			if n := auth.Held(io.Sockets()); n != 0 {
				t.Errorf("%d holds stayed", n)
			}
		})
	}
}

func TestAdapterHoldsOnce(t *testing.T) {
	t.Parallel()
	io := listen(t, auth.Adapter(adapter.NewMemory()), nil)
	a := io.Sockets().Adapter()
	a.AddAll("id", types.NewSet[socket.Room]("room"))
	expired := make(chan struct{})
	if !auth.Hold(a, "id", time.Nanosecond, func() { close(expired) }) {
		t.Fatal("not held")
	}
	if auth.Hold(a, "id", time.Minute, nil) {
		t.Error("held twice")
	}
	receive(t, expired)
	a.AddAll("id", types.NewSet[socket.Room]("room"))
	if a.Rooms().Len() != 0 {
		t.Error("a held socket is in a room")
	}
	a.DelAll("id")
	if auth.Release(a, "id") {
		t.Error("a socket that has gone was let in")
	}
}

func TestDisconnectWhileHeld(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*client){
		"connection": func(cl *client) { _ = cl.ws.Close() },
		"namespace":  func(cl *client) { cl.send("1") },
		"verifying": func(cl *client) {
			cl.send(authenticate(sign(cl.t, secret, goodClaims("ada"))))
			_ = cl.ws.Close()
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeEvent})
			conns := connections(t, io.Sockets())
			for range 10 {
				cl := dial(t, io, "", nil)
				cl.connect("")
				gone := disconnected(t, receive(t, conns))
				end(cl)
				receive(t, gone)
			}
			eventually(t, func() bool {
				a := io.Sockets().Adapter()
				return auth.Held(io.Sockets()) == 0 && a.Sids().Len() == 0 && a.Rooms().Len() == 0
			})
		})
	}
}

// A later middleware refuses, or never decides: the hold ends in both cases.
func TestHoldEndsWithLaterMiddleware(t *testing.T) {
	t.Parallel()
	t.Run("refuses", func(t *testing.T) {
		t.Parallel()
		io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeEvent})
		io.Use(func(_ *socket.Socket, next func(*socket.ExtendedError)) { next(socket.NewExtendedError("full", nil)) })
		cl := dial(t, io, "", nil)
		cl.send("0")
		cl.want("4", `{"message":"full","data":null}`)
		eventually(t, func() bool { return auth.Held(io.Sockets()) == 0 })
	})
	t.Run("never decides", func(t *testing.T) {
		t.Parallel()
		io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeEvent, EventTimeout: 10 * time.Millisecond})
		undecided := make(chan func(*socket.ExtendedError), 1)
		io.Use(func(_ *socket.Socket, next func(*socket.ExtendedError)) { undecided <- next })
		cl := dial(t, io, "", nil)
		cl.send("0")
		cl.ended()
		eventually(t, func() bool { return auth.Held(io.Sockets()) == 0 })
		receive(t, undecided)(nil) // ends the socket in the library
	})
}

// A version 2 client that connects to a namespace twice has two sockets of one id: if the end of
// one of them ended the hold of the other, it would be in rooms without a token.
func TestTwoSocketsOfOneID(t *testing.T) {
	t.Parallel()
	io := serve(t, auth.MiddlewareOptions{Mode: auth.ModeBoth})
	undecided := make(chan func(*socket.ExtendedError), 1)
	io.Use(func(_ *socket.Socket, next func(*socket.ExtendedError)) { undecided <- next })
	for _, second := range []string{"0", "0/?token=x"} {
		cl := dialVersion(t, io, "3", "", nil)
		next := receive(t, undecided)
		cl.send(second)
		cl.ended()
		next(nil)
		eventually(t, func() bool { return auth.Held(io.Sockets()) == 0 && io.Sockets().Sockets().Len() == 0 })
	}
}

func TestEventModeNeedsAnAdapter(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		rooms  socket.AdapterConstructor
		change func(*socket.ServerOptions)
		remedy string
	}{
		{"no holds", adapter.NewMemory(), nil, "auth.Adapter"},
		{"recovery", auth.Adapter(adapter.NewMemory()), func(o *socket.ServerOptions) {
			o.SetConnectionStateRecovery(socket.DefaultConnectionStateRecovery())
		}, "recovery"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			io := listen(t, c.rooms, c.change)
			io.Use(auth.Middleware(newVerifier(t, nil), auth.MiddlewareOptions{
				Mode: auth.ModeBoth, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			}))
			cl := dial(t, io, "", nil)
			for range 2 {
				cl.send("0")
				cl.want("4", `{"message":"Authentication error","data":{"code":"internal_error","reason":"the server cannot authenticate clients","type":"UnauthorizedError"}}`)
			}
			cl.connect(tokenObject(sign(t, secret, goodClaims("ada")))) // the handshake needs no holds
			if got := log.String(); strings.Count(got, "level=ERROR") != 1 || !strings.Contains(got, c.remedy) {
				t.Errorf("got log %q", got)
			}
		})
	}
}

func TestMiddlewarePanics(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(){
		"verifier": func() { auth.Middleware(nil, auth.MiddlewareOptions{}) },
		"mode":     func() { auth.Middleware(newVerifier(t, nil), auth.MiddlewareOptions{Mode: "never"}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			make()
		}()
	}
}
