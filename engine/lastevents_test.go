package engine_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"chorus/codec"
	"chorus/engine"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// What a client sends right before its connection ends is handled, and then comes "disconnect" with
// the reason of the end.
func TestEventsBeforeTheEndAreHandled(t *testing.T) {
	const clients, events = 5, 20
	all := make([]string, events)
	for i := range all {
		all[i] = fmt.Sprintf(`42["work",%d]`, i)
	}
	ends := []struct {
		name, transport, reason string
		end                     func(t *testing.T, p peer, s *socket.Socket)
	}{
		{"close frame", "WebSocket", "transport close", func(_ *testing.T, p peer, _ *socket.Socket) {
			p.(wsPeer).write(frame(fin|opClose, ""))
		}},
		{"end of the connection", "WebSocket", "transport close", func(_ *testing.T, p peer, _ *socket.Socket) {
			_ = p.(wsPeer).conn.Close()
		}},
		{"end of an upgraded connection", "upgraded", "transport close", func(_ *testing.T, p peer, _ *socket.Socket) {
			_ = p.(wsPeer).conn.Close()
		}},
		{"broken frame", "WebSocket", "transport error", func(_ *testing.T, p peer, _ *socket.Socket) {
			p.(wsPeer).write(frame(0x83, ""))
		}},
		{"broken packet", "WebSocket", "parse error", func(_ *testing.T, p peer, _ *socket.Socket) { p.say("x") }},
		{"broken Socket.IO packet", "WebSocket", "forced close", func(_ *testing.T, p peer, _ *socket.Socket) { p.say(`42{`) }},
		{"DISCONNECT packet", "WebSocket", "client namespace disconnect", func(_ *testing.T, p peer, _ *socket.Socket) { p.say("41") }},
		{"DISCONNECT packet and close frame", "WebSocket", "client namespace disconnect", func(_ *testing.T, p peer, _ *socket.Socket) {
			p.(wsPeer).write(append(textFrame("41"), frame(fin|opClose, "")...))
		}},
		{"CLOSE packet", "polling", "transport close", func(t *testing.T, p peer, _ *socket.Socket) {
			p.(*pollPeer).post("1").want(t, 200, "ok")
		}},
		{"DISCONNECT and CLOSE packets", "polling", "client namespace disconnect", func(t *testing.T, p peer, _ *socket.Socket) {
			p.(*pollPeer).post("41\x1e1").want(t, 200, "ok")
		}},
		{"closed by the server", "WebSocket", "forced close", func(_ *testing.T, _ peer, s *socket.Socket) { s.Conn().Close(false) }},
		{"server shuts down", "WebSocket", "server shutting down", func(_ *testing.T, _ peer, s *socket.Socket) {
			s.Conn().(*engine.Conn).Retire()
		}},
	}
	for _, test := range ends {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var handled, received atomic.Int64
			reasons := make(chan string, 2*clients)
			sockets := make(chan *socket.Socket, clients)
			s := startLibrary(t, calm(), func(o *socket.ServerOptions) { o.SetParser(codec.New(codec.Options{})) }, func(s *socket.Socket) {
				s.Use(func(_ []any, next func(error)) { next(nil) })
				taken, last := make(chan struct{}), 0
				_ = s.On("work", func(...any) {
					if last++; last == 1 {
						<-taken // the end arrives while the first event is handled
					}
					time.Sleep(time.Millisecond)
					handled.Add(1)
				})
				_ = s.Conn().On("message", func(...any) { received.Add(1) })
				_ = s.On("disconnect", func(args ...any) { reasons <- args[0].(string) })
				s.SetData(taken)
				sockets <- s
			})
			for i := range clients {
				p := s.peers()[test.transport]()
				connectTo(t, p)
				socket := receive(t, "a socket", sockets)
				p.say(all...)
				eventually(t, "the events arrive", func() bool { return received.Load() >= int64((i+1)*events) })
				time.AfterFunc(5*time.Millisecond, func() { close(socket.Data().(chan struct{})) })
				test.end(t, p, socket)
			}
			for range clients {
				if got := receive(t, `"disconnect"`, reasons); got != test.reason {
					t.Errorf("disconnected for %q, want %q", got, test.reason)
				}
			}
			if n := handled.Load(); n != clients*events {
				t.Errorf("%d of %d events were handled", n, clients*events)
			}
			select {
			case reason := <-reasons:
				t.Errorf("a socket was disconnected again, for %q", reason)
			default:
			}
		})
	}
}

// A handler that never returns delays the end of its session only for a while.
func TestHandlerThatNeverReturns(t *testing.T) {
	opts := calm()
	opts.HandlerTimeout = 20 * time.Millisecond
	queue := &blocked{}
	s := start(t, opts, func(s *session) { s.Follow(queue) })
	ws := s.connect()
	session := s.session()
	ws.send("4x")
	session.wantMessages("x")
	_ = ws.conn.Close()
	session.wantClosed("transport close")
}
