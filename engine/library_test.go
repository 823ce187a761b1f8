package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/adapter"
	"chorus/codec"
	"chorus/engine"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// startLibrary runs a Socket.IO server on an engine: Bind is all that there is to do.
func startLibrary(t *testing.T, opts engine.Options, configure func(*socket.ServerOptions), connected func(*socket.Socket)) *server {
	t.Helper()
	s := &server{Server: engine.New(opts), t: t}
	serverOptions := socket.DefaultServerOptions()
	serverOptions.SetAdapter(adapter.NewMemory())
	configure(serverOptions)
	io := socket.NewServer(nil, serverOptions)
	io.Bind(s.Server)
	_ = io.On("connection", func(args ...any) { connected(args[0].(*socket.Socket)) })
	h := httptest.NewServer(s)
	s.url, s.addr, s.client = h.URL, h.Listener.Addr().String(), h.Client()
	s.client.Timeout = patience
	t.Cleanup(func() {
		io.Close(nil)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		h.CloseClientConnections()
		h.Close()
	})
	return s
}

func parsers() map[string]func(*socket.ServerOptions) {
	return map[string]func(*socket.ServerOptions){
		"the stock parser": func(*socket.ServerOptions) {},
		"this one's codec": func(o *socket.ServerOptions) { o.SetParser(codec.New(codec.Options{})) },
	}
}

// peer is what the tests of the library need of a client, by whichever transport.
type peer interface {
	say(packets ...string)
	hear() string // the next Engine.IO packet, binary as "b<base64>"
}

type wsPeer struct{ *wsClient }

func (p wsPeer) say(packets ...string) {
	p.t.Helper()
	for _, packet := range packets {
		if binary, ok := strings.CutPrefix(packet, "bAQID"); ok {
			p.write(frame(fin|opBinary, "\x01\x02\x03"+binary))
			continue
		}
		p.send(packet)
	}
}

func (p wsPeer) hear() string {
	p.t.Helper()
	f := p.read()
	if f.first == fin|opBinary && f.payload == "\x01\x02\x03" {
		return "bAQID"
	}
	return f.payload
}

type pollPeer struct {
	*poller
	heard []string
}

func (p *pollPeer) say(packets ...string) {
	p.t.Helper()
	p.post(strings.Join(packets, "\x1e")).want(p.t, 200, "ok")
}

func (p *pollPeer) hear() string {
	p.t.Helper()
	if len(p.heard) == 0 {
		got := p.get()
		if got.err != nil || got.status != 200 {
			p.t.Fatalf("poll: %d %q %v", got.status, got.body, got.err)
		}
		p.heard = strings.Split(got.body, "\x1e")
	}
	next := p.heard[0]
	p.heard = p.heard[1:]
	return next
}

func (s *server) peers() map[string]func() peer {
	return map[string]func() peer{
		"WebSocket": func() peer { return wsPeer{s.connect()} },
		"polling":   func() peer { return &pollPeer{poller: s.poll()} },
		"upgraded": func() peer {
			ws := s.poll().probe()
			ws.send("5")
			return wsPeer{ws}
		},
	}
}

func wantHeard(t *testing.T, p peer, want ...string) {
	t.Helper()
	for _, packet := range want {
		if got := p.hear(); got != packet {
			t.Fatalf("heard %.200q, want %.200q", got, packet)
		}
	}
}

// connectTo joins the main namespace.
func connectTo(t *testing.T, p peer) {
	t.Helper()
	p.say("40")
	var connected struct{ Sid string }
	if got := p.hear(); !strings.HasPrefix(got, "40{") || json.Unmarshal([]byte(got[2:]), &connected) != nil || connected.Sid == "" {
		t.Fatalf("heard %q, want CONNECT", got)
	}
}

func TestLibrary(t *testing.T) {
	for name, configure := range parsers() {
		t.Run(name, func(t *testing.T) {
			sockets := make(chan *socket.Socket, 10)
			reasons := make(chan string, 10)
			s := startLibrary(t, calm(), configure, func(s *socket.Socket) {
				_ = s.On("echo", func(args ...any) {
					if ack, ok := args[len(args)-1].(socket.Ack); ok {
						ack(args[:len(args)-1], nil)
						return
					}
					_ = s.Emit("echo", args...)
				})
				_ = s.On("disconnect", func(args ...any) { reasons <- args[0].(string) })
				sockets <- s
			})
			for name, open := range s.peers() {
				t.Run(name, func(t *testing.T) {
					p, other := open(), open()
					connectTo(t, p)
					first := receive(t, "a socket", sockets)
					connectTo(t, other)
					second := receive(t, "a socket", sockets)

					p.say(`42["echo","hi",1]`)
					wantHeard(t, p, `42["echo","hi",1]`)
					p.say(`427["echo",[1,2]]`)
					wantHeard(t, p, `437[[1,2]]`)
					p.say(`451-["echo",{"_placeholder":true,"num":0}]`, "bAQID")
					wantHeard(t, p, `451-["echo",{"_placeholder":true,"num":0}]`, "bAQID")

					second.Join("room")
					_ = first.To("room").Emit("news", "to the room")
					_ = first.Broadcast().Emit("news", "to all others")
					_ = first.Nsp().Emit("news", "to all")
					wantHeard(t, other, `42["news","to the room"]`, `42["news","to all others"]`, `42["news","to all"]`)
					wantHeard(t, p, `42["news","to all"]`)

					first.Disconnect(true)
					if got := receive(t, "the reason", reasons); got != "server namespace disconnect" {
						t.Errorf("disconnected for %q", got)
					}
					wantHeard(t, p, "41")
					other.say("41")
					if got := receive(t, "the reason", reasons); got != "client namespace disconnect" {
						t.Errorf("disconnected for %q", got)
					}
				})
			}
		})
	}
}

func TestDisconnectReasons(t *testing.T) {
	cases := []struct {
		name, reason string
		end          func(ws *wsClient, s *socket.Socket)
	}{
		{"the connection breaks", "transport close", func(ws *wsClient, _ *socket.Socket) { _ = ws.conn.Close() }},
		{"close frame", "transport close", func(ws *wsClient, _ *socket.Socket) { ws.write(frame(fin|opClose, "")) }},
		{"invalid packet", "parse error", func(ws *wsClient, _ *socket.Socket) { ws.send("x") }},
		{"invalid frame", "transport error", func(ws *wsClient, _ *socket.Socket) { ws.write(frame(0x83, "")) }},
		{"closed by the server", "forced close", func(_ *wsClient, s *socket.Socket) { s.Conn().Close(true) }},
		{"slow", engine.ReasonSlowConsumer, func(_ *wsClient, s *socket.Socket) {
			text := strings.Repeat("x", 1<<20)
			for s.Connected() {
				_ = s.Emit("x", text)
			}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			reasons, sockets := make(chan string, 1), make(chan *socket.Socket, 1)
			s := startLibrary(t, calm(), func(*socket.ServerOptions) {}, func(s *socket.Socket) {
				_ = s.On("disconnect", func(args ...any) { reasons <- args[0].(string) })
				sockets <- s
			})
			ws := s.connect()
			connectTo(t, wsPeer{ws})
			c.end(ws, receive(t, "a socket", sockets))
			if got := receive(t, "the reason", reasons); got != c.reason {
				t.Errorf("disconnected for %q, want %q", got, c.reason)
			}
		})
	}
}

// Text is valid during the call only: what the parsers make of it must not change when the buffer
// it lay in is used again.
func TestWhatHandlersGetStays(t *testing.T) {
	for name, configure := range parsers() {
		t.Run(name, func(t *testing.T) {
			const clients, messages = 8, 200
			var mu sync.Mutex
			kept := make(map[string][]any)
			done := make(chan struct{}, clients)
			s := startLibrary(t, calm(), configure, func(s *socket.Socket) {
				_ = s.On("keep", func(args ...any) {
					mu.Lock()
					defer mu.Unlock()
					kept[string(s.Id())] = append(kept[string(s.Id())], args[0])
					if len(kept[string(s.Id())]) == messages {
						done <- struct{}{}
					}
				})
				// The library acknowledges before it knows the socket: this says that it does.
				_ = s.Emit("ready")
			})
			for i := range clients {
				ws := s.connect()
				connectTo(t, wsPeer{ws})
				ws.want(`42["ready"]`)
				for j := range messages {
					ws.send(fmt.Sprintf(`42["keep","%d %d"]`, i, j))
				}
			}
			for range clients {
				receive(t, "all messages", done)
			}
			seen := make(map[string]bool)
			for _, list := range kept {
				for j, value := range list {
					text := strings.Trim(argument(value), `"`)
					if _, number, _ := strings.Cut(text, " "); number != fmt.Sprint(j) {
						t.Fatalf("value %d is %q", j, text)
					}
					seen[text] = true
				}
			}
			if len(seen) != clients*messages {
				t.Errorf("%d different values of %d", len(seen), clients*messages)
			}
		})
	}
}

// A handler that blocks holds its client back, by TCP: nothing piles up, nothing is lost.
func TestBlockedHandlerHoldsTheClientBack(t *testing.T) {
	opts := calm()
	opts.MaxUnprocessed = 64
	block := make(chan struct{})
	begun := make(chan struct{}, 1)
	handled := make(chan string, 1<<20)
	s := startLibrary(t, opts, func(*socket.ServerOptions) {}, func(s *socket.Socket) {
		_ = s.On("work", func(args ...any) {
			select {
			case begun <- struct{}{}:
			default:
			}
			<-block
			handled <- argument(args[0])
		})
		_ = s.Emit("ready")
	})
	ws := s.connect()
	_ = ws.conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
	connectTo(t, wsPeer{ws})
	ws.want(`42["ready"]`)
	padding := strings.Repeat("x", 40_000)
	ws.send(`42["work",0]`)
	receive(t, "the handler", begun)
	before := heap()

	const messages = 300 // 12 MB, more than the buffers of TCP hold
	sent := make(chan struct{})
	go func() { // ends with the messages
		defer close(sent)
		for i := range messages {
			ws.send(fmt.Sprintf(`42["work",%d,"%s"]`, i+1, padding))
		}
	}()
	conn := s.onlyConn()
	eventually(t, "the client is held back", conn.Held)
	select {
	case <-sent:
		t.Fatal("a client that floods is not held back")
	default:
	}
	if grown := int64(heap()) - int64(before); grown > 16<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	close(block)
	for i := range messages + 1 {
		if got := receive(t, "a message", handled); got != fmt.Sprint(i) {
			t.Fatalf("handled %s, want %d", got, i)
		}
	}
	receive(t, "the last write", sent)
	if conn.Held() {
		t.Error("the client is still held back")
	}
}

// argument returns what a handler got, which is raw JSON with this project's codec.
func argument(value any) string {
	if raw, ok := value.(json.RawMessage); ok {
		return string(raw)
	}
	return fmt.Sprint(value)
}

func (s *server) onlyConn() *engine.Conn {
	s.t.Helper()
	for _, sid := range s.Clients().Keys() {
		c, _ := s.Clients().Load(sid)
		return c.(*engine.Conn)
	}
	s.t.Fatal("there is no session")
	return nil
}

// A client that is held back cannot show that it lives: nobody reads its pongs.
func TestHeldClientIsNotBlamedForSilence(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"websocket", "polling"} {
		t.Run(transport, func(t *testing.T) {
			// Long enough for a busy machine to have the client held back before it counts as silent.
			opts := engine.Options{PingInterval: 500 * time.Millisecond, PingTimeout: 500 * time.Millisecond, MaxUnprocessed: 4}
			queue := &blocked{}
			s := start(t, opts, func(s *session) { s.Follow(queue) })
			var flood func()
			if transport == "websocket" {
				ws := s.connect()
				flood = func() {
					for range 100 {
						if _, err := ws.conn.Write(textFrame("4x")); err != nil {
							return
						}
					}
				}
			} else {
				p := s.poll()
				flood = func() {
					go func() { // ends when the queue runs, or with the session
						for range 4 {
							p.post("4x\x1e4x")
						}
					}()
				}
			}
			session := s.session()
			flood()
			eventually(t, "the client is held back", session.Held)
			select {
			case reason := <-session.closed:
				t.Fatalf("a client that is held back was closed: %s", reason)
			case <-time.After(4 * (opts.PingInterval + opts.PingTimeout)):
			}
			queue.run()
			session.wantClosed("ping timeout") // now it could have answered
		})
	}
}

// blocked is a queue that does not run until it is told to, and then runs everything at once.
type blocked struct {
	mu    sync.Mutex
	runs  bool
	tasks []func()
}

func (q *blocked) Enqueue(task func()) {
	q.mu.Lock()
	if !q.runs {
		q.tasks = append(q.tasks, task)
		q.mu.Unlock()
		return
	}
	q.mu.Unlock()
	task()
}

func (q *blocked) run() {
	q.mu.Lock()
	q.runs = true
	tasks := q.tasks
	q.tasks = nil
	q.mu.Unlock()
	for _, task := range tasks {
		task()
	}
}

// Follow at the level of the engine: a client that floods is read up to about the bound.
func TestFollowedQueueBoundsWhatIsRead(t *testing.T) {
	opts := calm()
	opts.MaxUnprocessed = 100
	for name, release := range map[string]func(*session, *blocked){
		"the queue runs":   func(_ *session, q *blocked) { q.run() },
		"unfollow":         func(s *session, q *blocked) { s.Unfollow(q) },
		"the session ends": func(s *session, _ *blocked) { s.Close(true) },
	} {
		t.Run(name, func(t *testing.T) {
			queue := &blocked{}
			s := start(t, opts, func(s *session) { s.Follow(queue) })
			ws := s.connect()
			session := s.session()
			var all []byte
			for range 1000 {
				all = append(all, textFrame("4x")...)
			}
			ws.write(all)
			eventually(t, "the client is held back", session.Held)
			if n := len(session.messages); n < opts.MaxUnprocessed/2 || n > opts.MaxUnprocessed {
				t.Errorf("%d messages were taken", n)
			}
			release(session, queue)
			if name == "the session ends" {
				session.wantClosed("forced close")
				return
			}
			for range 1000 {
				session.wantMessages("x")
			}
		})
	}
}
