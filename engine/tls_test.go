package engine_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chorus/engine"
)

// With TLS a connection has no descriptor of its own: reads hold a buffer and writes go by way of a
// goroutine.
func startTLS(t *testing.T, opts engine.Options, prepare func(*session)) *server {
	t.Helper()
	return startOn(t, opts, prepare, (*httptest.Server).StartTLS)
}

func (s *server) connectTLS() *wsClient {
	s.t.Helper()
	config := s.client.Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"http/1.1"}
	config.ServerName = "example.com" // what the test server's certificate is for
	conn, err := tls.Dial("tcp", s.addr, config)
	if err != nil {
		s.t.Fatal(err)
	}
	c := upgradeOn(s.t, conn, "EIO=4&transport=websocket", nil)
	c.wantOpen()
	return c
}

func TestTLSEcho(t *testing.T) {
	s := startTLS(t, calm(), echo)
	ws := s.connectTLS()
	large := strings.Repeat("large ", 100_000)
	for i := range 100 {
		ws.send(fmt.Sprint("4", i))
		ws.want(fmt.Sprint("4", i))
	}
	ws.send("4" + large)
	ws.want("4" + large)
	ws.write(frame(fin|opBinary, "x"))
	ws.wantFrame(fin|opBinary, "x")
	ws.write(frame(fin|opClose, closeFrame(1001, "")))
	ws.wantEnd(1001)

	p := s.poll()
	p.post("4a").want(t, 200, "ok")
	p.get().want(t, 200, "4a")
}

func TestTLSBroadcasts(t *testing.T) {
	opts := calm()
	opts.MaxBuffer = 64 << 20
	s := startTLS(t, opts, nil)
	var clients []*wsClient
	var sessions []*session
	for range 3 {
		clients = append(clients, s.connectTLS())
		sessions = append(sessions, s.session())
	}
	to := receivers(sessions...)
	const messages = 600
	long := strings.Repeat("x", 2000)
	go func() { // ends with the messages
		for i := range messages {
			if i%3 == 0 {
				for _, session := range sessions {
					session.SendMessage(textMessage(fmt.Sprint(i, long)))
				}
				continue
			}
			engine.Broadcast(textMessage(fmt.Sprint(i, long)), nil, to)
		}
	}()
	for _, c := range clients {
		for i := range messages {
			c.want(fmt.Sprint("4", i, long))
		}
	}
	eventually(t, "all have caught up", func() bool {
		for _, session := range sessions {
			if !session.Transport().Writable() {
				return false
			}
		}
		return true
	})
}

func TestTLSSlowConsumer(t *testing.T) {
	opts := calm()
	opts.MaxBuffer = 256 << 10
	s := startTLS(t, opts, nil)
	slow := s.connectTLS()
	session := s.session()
	other := s.connectTLS()
	to := receivers(session, s.session())
	before := heap()
	text := strings.Repeat("x", 10_000)
	for sent := 0; len(session.closed) == 0; sent++ {
		engine.Broadcast(textMessage(text), nil, to)
		other.want("4" + text)
		if sent > 10_000 {
			t.Fatal("a client that takes nothing is not closed")
		}
	}
	session.wantClosed(engine.ReasonSlowConsumer)
	if grown := int64(heap()) - int64(before); grown > 4<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	slow.wantGone()
	engine.Broadcast(textMessage("still there"), nil, to)
	other.want("4still there")
}

// What is being written when a session closes is written, and then the close frame.
func TestTLSClose(t *testing.T) {
	opts := calm()
	opts.MaxBuffer = 64 << 20
	s := startTLS(t, opts, nil)
	t.Run("a message", func(_ *testing.T) {
		for range 20 {
			ws := s.connectTLS()
			session := s.session()
			session.SendMessage(textMessage("last"))
			session.Close(false)
			ws.want("4last")
			ws.wantEnd(0)
			session.wantClosed("forced close")
		}
	})
	t.Run("at once", func(_ *testing.T) {
		ws := s.connectTLS()
		session := s.session()
		session.fill(100_000)
		session.Close(true)
		session.wantClosed("forced close")
		ws.wantGone()
	})
	t.Run("much waits", func(t *testing.T) {
		ws := s.connectTLS()
		session := s.session()
		n := session.fill(100_000)
		session.SendMessage(textMessage("last"))
		session.Close(false)
		for range n {
			ws.want("4" + strings.Repeat("x", 100_000))
		}
		ws.want("4last")
		ws.wantEnd(0)
		session.wantClosed("forced close")
	})
	t.Run("a large one is being written", func(t *testing.T) {
		ws := s.connectTLS()
		session := s.session()
		text := strings.Repeat("x", 5<<20)
		session.SendMessage(textMessage(text))
		session.Close(false)
		ws.want("4" + text)
		ws.wantEnd(0)
		session.wantClosed("forced close")
	})
}

func TestTLSInvalidFrame(t *testing.T) {
	s := startTLS(t, calm(), echo)
	ws := s.connectTLS()
	ws.write(append(textFrame("4a"), textFrame("x")...))
	ws.want("4a")
	ws.wantEnd(1002)
}
