package node_test

import (
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chorus/auth"
	"chorus/auth/refusal"
	"chorus/internal/testlog"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

type answer = func(error, bool)

// matching returns the function that Server.Of takes.
func matching(decide func(name string, next answer)) socket.ParentNspNameMatchFn {
	fn := func(name string, _ map[string]any, next func(error, bool)) { decide(name, next) }
	return &fn
}

// TestTokenCheckComesFirst makes namespaces in every way there is.
func TestTokenCheckComesFirst(t *testing.T) {
	ignore := func(...any) {}
	allow := func(_ string, next answer) { next(nil, true) }
	tests := []struct {
		name string
		make func(*socket.Server) socket.Namespace // on which the program puts its middleware
		at   string                                // where clients connect
	}{
		{"the main one", func(io *socket.Server) socket.Namespace { return io.Sockets() }, "/"},
		{"a name", func(io *socket.Server) socket.Namespace { return io.Of("/a", nil) }, "/a"},
		{"a name with a handler", func(io *socket.Server) socket.Namespace { return io.Of("b", ignore) }, "/b"},
		{"a pattern", func(io *socket.Server) socket.Namespace { return io.Of(regexp.MustCompile(`^/c-\d+$`), nil) }, "/c-1"},
		{"a pattern with a handler", func(io *socket.Server) socket.Namespace { return io.Of(regexp.MustCompile(`^/d-\d+$`), ignore) }, "/d-1"},
		{"a function", func(io *socket.Server) socket.Namespace { return io.Of(matching(allow), nil) }, "/e"},
		{"a function with a handler", func(io *socket.Server) socket.Namespace { return io.Of(matching(allow), ignore) }, "/e-1"},
		{"a function that answers later", func(io *socket.Server) socket.Namespace {
			return io.Of(matching(func(_ string, next answer) { time.AfterFunc(30*time.Millisecond, func() { next(nil, true) }) }), nil)
		}, "/f"},
		{"a function after others that refuse", func(io *socket.Server) socket.Namespace {
			io.Of(regexp.MustCompile(`^/never$`), nil)
			io.Of(matching(func(_ string, next answer) { next(errors.New("no"), true) }), nil)
			io.Of(matching(func(_ string, next answer) { time.AfterFunc(time.Millisecond, func() { next(nil, false) }) }), nil)
			io.Of(matching(func(string, answer) { panic("a faulty function") }), nil)
			return io.Of(matching(allow), nil)
		}, "/g"},
		{"a child that the program names", func(io *socket.Server) socket.Namespace {
			parent := io.Of(regexp.MustCompile(`^/h-\d+$`), nil)
			count(parent)
			return io.Of("/h-1", nil)
		}, "/h-1"},
		{"a child that the program makes", func(io *socket.Server) socket.Namespace {
			parent := io.Of(regexp.MustCompile(`^/i-\d+$`), nil)
			return parent.(socket.ParentNamespace).CreateChild("/other")
		}, "/other"},
		{"a child of a parent that the library does not know", func(io *socket.Server) socket.Namespace {
			return socket.NewParentNamespace(io).CreateChild("/k")
		}, "/k"},
		{"a new adapter", func(io *socket.Server) socket.Namespace {
			parent := io.Of(regexp.MustCompile(`^/l-\d+$`), nil)
			io.SetAdapter(io.Adapter())
			return parent
		}, "/l-1"},
	}
	for _, test := range tests {
		for _, when := range []string{"before it runs", "while it runs"} {
			t.Run(test.name+" "+when, func(t *testing.T) {
				var calls, nobody atomic.Int64
				prepare := func(io *socket.Server) {
					nsp := test.make(io)
					nsp.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
						calls.Add(1)
						if auth.FromSocket(s) == nil {
							nobody.Add(1)
						}
						s.Join(socket.Room("user-" + auth.FromSocket(s).Subject()))
						next(nil)
					})
					_ = nsp.On("connection", func(args ...any) {
						s := args[0].(*socket.Socket)
						_ = s.Emit("hello", auth.FromSocket(s).Subject(), s.Rooms().Has("user-alice"))
					})
				}
				n := runWith(t, valid(), func(io *socket.Server) {
					if when == "before it runs" {
						prepare(io)
					}
				})
				if when == "while it runs" {
					prepare(n.IO())
				}
				at := test.at + ","
				if test.at == "/" {
					at = ""
				}
				client := dial(t, n.addr)
				client.send("40" + at + "{}")
				if got := client.await("44"); !strings.Contains(got, `"code":"credentials_required"`) {
					t.Fatalf("got %s", got)
				}
				if calls.Load() != 0 {
					t.Fatal("the program's middleware ran before the token check")
				}
				client.send("40" + at + `{"token":"` + token(t) + `"}`)
				client.await("40" + at)
				if got, want := client.await("42"), "42"+at+`["hello","alice",true]`; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if calls.Load() != 1 || nobody.Load() != 0 {
					t.Errorf("the middleware ran %d times, %d without claims", calls.Load(), nobody.Load())
				}
			})
		}
	}
}

func count(nsp socket.Namespace) {
	nsp.Use(func(_ *socket.Socket, next func(*socket.ExtendedError)) { next(nil) })
}

func TestNamespaceThatNobodyPermits(t *testing.T) {
	n := run(t, valid())
	var asked atomic.Int64
	n.IO().Of(regexp.MustCompile(`^/room-\d+$`), nil)
	n.IO().Of(matching(func(_ string, next answer) {
		asked.Add(1)
		time.AfterFunc(time.Millisecond, func() { next(nil, false) })
	}), nil)
	client := dial(t, n.addr)
	for i := range 3 {
		client.send(`40/nowhere,{"token":"` + token(t) + `"}`)
		if got := client.await("44"); !strings.Contains(got, "Invalid namespace") {
			t.Errorf("got %s", got)
		}
		if asked.Load() != int64(i+1) {
			t.Errorf("the function was asked %d times for %d clients", asked.Load(), i+1)
		}
	}
}

// TestNamespaceIsCreatedOnce has many clients ask for it at the same moment.
func TestNamespaceIsCreatedOnce(t *testing.T) {
	n := run(t, valid())
	var created atomic.Int64
	if err := n.IO().Sockets().On("new_namespace", func(...any) { created.Add(1) }); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	n.IO().Of(matching(func(_ string, next answer) { <-release; next(nil, true) }), nil)
	clients := make([]*rawClient, 20)
	for i := range clients {
		clients[i] = dial(t, n.addr)
		clients[i].send(`40/once,{"token":"` + token(t) + `"}`)
	}
	close(release)
	for _, client := range clients {
		client.await("40/once,")
	}
	if created.Load() != 1 || n.IO().Of("/once", nil).Sockets().Len() != len(clients) {
		t.Errorf("%d namespaces, of which one has %d clients", created.Load(), n.IO().Of("/once", nil).Sockets().Len())
	}
}

// TestPanicsEndOneConnection has a program's code panic wherever the library calls it.
func TestPanicsEndOneConnection(t *testing.T) {
	faulty := func(s *socket.Socket) bool { return s.Handshake().Query.Query().Get("faulty") != "" }
	tests := map[string]func(*socket.Server){
		"a middleware": func(io *socket.Server) {
			io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
				if faulty(s) {
					panic("on purpose")
				}
				next(nil)
			})
		},
		"a middleware that has let the client in": func(io *socket.Server) {
			io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
				next(nil)
				if faulty(s) {
					panic("on purpose")
				}
			})
		},
		"a middleware behind one that goes on in a goroutine": func(io *socket.Server) {
			later(io.Sockets())
			io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
				if faulty(s) {
					panic("on purpose")
				}
				next(nil)
			})
		},
		"a middleware that is added while the node runs": func(io *socket.Server) {
			io.Use(func(_ *socket.Socket, next func(*socket.ExtendedError)) { next(nil) })
			_ = io.On("connection", func(...any) { // the honest client is the first
				io.Use(func(_ *socket.Socket, next func(*socket.ExtendedError)) {
					go func() { next(nil) }() // ends at once
				})
				io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
					if faulty(s) {
						panic("on purpose")
					}
					next(nil)
				})
			})
		},
		"a middleware of a socket behind one that goes on in a goroutine": func(io *socket.Server) {
			_ = io.On("connection", func(args ...any) {
				s := args[0].(*socket.Socket)
				s.Use(func(_ []any, next func(error)) { go next(nil) })
				s.Use(func(_ []any, next func(error)) {
					if faulty(s) {
						panic("on purpose")
					}
					next(nil)
				})
			})
		},
		"a handler of connections": func(io *socket.Server) {
			_ = io.On("connection", func(args ...any) {
				if faulty(args[0].(*socket.Socket)) {
					panic("on purpose")
				}
			})
		},
		"a middleware of a socket": func(io *socket.Server) {
			_ = io.On("connection", func(args ...any) {
				s := args[0].(*socket.Socket)
				s.Use(func(_ []any, next func(error)) {
					if faulty(s) {
						panic("on purpose")
					}
					next(nil)
				})
			})
		},
		"a handler of an event": func(io *socket.Server) {
			_ = io.On("connection", func(args ...any) {
				s := args[0].(*socket.Socket)
				_ = s.On("do", func(...any) {
					if faulty(s) {
						panic("on purpose")
					}
				})
			})
		},
		"a handler of disconnect": func(io *socket.Server) {
			_ = io.On("connection", func(args ...any) {
				s := args[0].(*socket.Socket)
				for _, event := range []string{"disconnecting", "disconnect"} {
					_ = s.On(event, func(...any) {
						if faulty(s) {
							panic("on purpose")
						}
					})
				}
			})
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			n := runWith(t, valid(), prepare)
			honest := join(t, n.addr, token(t))
			for _, end := range []string{"41", ""} {
				client := dialTo(t, n.addr, "&faulty=1")
				client.send(`40{"token":"` + token(t) + `"}`)
				client.await("4") // it is connected or refused, and not left waiting
				client.send(`42["do"]`)
				if end != "" {
					client.send(end)
				}
				_ = client.ws.Close()
			}
			if got := honest.ask(`["join","lobby"]`); !done(got) {
				t.Errorf("another client: %s", got)
			}
			again := join(t, n.addr, token(t))
			if got := again.ask(`["join","lobby"]`); !done(got) {
				t.Errorf("a client that came afterwards: %s", got)
			}
		})
	}
}

// later adds a middleware that calls next in a goroutine of its own.
func later(nsp socket.Namespace) {
	nsp.Use(func(_ *socket.Socket, next func(*socket.ExtendedError)) { go next(nil) })
}

func TestPanicOfAMiddlewareRefusesTheClient(t *testing.T) {
	faulty := func(*socket.Socket, func(*socket.ExtendedError)) { panic("on purpose") }
	for name, prepare := range map[string]func(*socket.Server) string{
		"at once": func(io *socket.Server) string {
			io.Sockets().Use(faulty)
			return ""
		},
		"in a goroutine": func(io *socket.Server) string {
			later(io.Sockets())
			io.Sockets().Use(faulty)
			return ""
		},
		"in a namespace of a pattern": func(io *socket.Server) string {
			parent := io.Of(regexp.MustCompile(`^/p`), nil)
			later(parent)
			parent.Use(faulty)
			return "/p,"
		},
		"added by a listener": func(io *socket.Server) string {
			io.Of(regexp.MustCompile(`^/q`), nil)
			_ = io.Sockets().On("new_namespace", func(args ...any) {
				nsp := args[0].(socket.Namespace)
				later(nsp)
				nsp.Use(faulty)
			})
			return "/q,"
		},
	} {
		t.Run(name, func(t *testing.T) {
			var at string
			n := runWith(t, valid(), func(io *socket.Server) { at = prepare(io) })
			client := dial(t, n.addr)
			client.send("40" + at + `{"token":"` + token(t) + `"}`)
			if got := client.await("44"); !strings.Contains(got, `"code":"internal_error"`) || strings.Contains(got, "purpose") {
				t.Errorf("got %s", got)
			}
		})
	}
}

// TestMiddlewaresOfASocket: they may go on in a goroutine, refuse an event, panic, and be added at any time.
func TestMiddlewaresOfASocket(t *testing.T) {
	n := runWith(t, valid(), func(io *socket.Server) {
		_ = io.On("connection", func(args ...any) {
			s := args[0].(*socket.Socket)
			_ = s.On("error", func(args ...any) { _ = s.Emit("refused", args[0].(error).Error()) })
			_ = s.On("do", func(args ...any) {
				if answer, ok := args[len(args)-1].(socket.Ack); ok {
					answer([]any{"done"}, nil)
				}
			})
			_ = s.On("more", func(...any) {
				s.Use(func(event []any, next func(error)) { go func() { _ = s.Emit("seen", event[0]); next(nil) }() })
			})
			s.Use(func(_ []any, next func(error)) { go next(nil) })
			s.Use(func(event []any, next func(error)) {
				switch event[0] {
				case "refuse":
					next(errors.New("not this one"))
				case "panic":
					panic("on purpose")
				default:
					next(nil)
				}
			})
		})
	})
	client := join(t, n.addr, token(t))
	client.send(`421["do"]`)
	client.await(`431["done"]`)
	client.send(`42["refuse"]`)
	client.await(`42["refused","not this one"]`)
	client.send(`422["panic"]`)
	if got := client.await("432"); !strings.Contains(got, `"code":"internal_error"`) {
		t.Errorf("got %s", got)
	}
	client.send(`42["more"]`)
	client.send(`423["do"]`) // it may come before the new middleware
	client.await(`433["done"]`)
	client.send(`424["do"]`)
	client.await(`42["seen","do"]`)
	client.await(`434["done"]`)
}

// TestInvalidPacketsAreLogged: both bounds of an event's form are beyond what people send, so the reason is needed.
func TestInvalidPacketsAreLogged(t *testing.T) {
	for says, frame := range map[string]string{
		"nested too deep":                `42["a",` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "]",
		"1001 arguments, more than 1000": `42["a"` + strings.Repeat(",1", 1000) + "]",
	} {
		var log testlog.Buffer
		cfg := valid()
		cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		n := run(t, cfg)
		client := join(t, n.addr, token(t))
		client.send(frame)
		client.awaitClose()
		eventually(t, "a line that says "+says, func() bool { return strings.Contains(log.String(), says) })
	}
}

func TestPanicOfAHandlerIsAnswered(t *testing.T) {
	var log testlog.Buffer
	cfg := valid()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	n := runWith(t, cfg, func(io *socket.Server) {
		_ = io.On("connection", func(args ...any) {
			_ = args[0].(*socket.Socket).On("paint", func(...any) { panic("on purpose") })
		})
	})
	client := join(t, n.addr, token(t))
	wantRefusal(t, client.ask(`["paint",1]`), refusal.CodeInternalError)
	if got := log.String(); !strings.Contains(got, "name=paint") {
		t.Errorf("the log does not name the event: %s", got)
	}
	if got := client.ask(`["join","lobby"]`); !done(got) {
		t.Errorf("afterwards: %s", got)
	}
}
