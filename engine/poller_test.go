package engine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/engine"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// While descriptors are closed and given to new connections all the time, everybody hears what they said themselves.
func TestDescriptorsAreReused(t *testing.T) {
	t.Parallel()
	const workers, residents = 32, 32
	connects := 20_000
	if testing.Short() {
		connects = 2_000
	}
	e := engine.New(calm())
	_ = e.On("connection", func(args ...any) {
		conn := args[0].(*engine.Conn)
		_ = conn.On("message", func(args ...any) {
			text := strings.Clone(args[0].(*types.StringBuffer).String())
			conn.SendMessage(textMessage(text))
			if strings.HasSuffix(text, "close") {
				conn.Close(false)
			}
		})
	})
	h := httptest.NewServer(e)
	defer h.Close()
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := e.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	}()
	addr := h.Listener.Addr().String()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var staying, coming sync.WaitGroup
	for i := range residents {
		staying.Go(func() {
			c, err := dialEcho(addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close() //nolint:errcheck // the test is over
			for n := 0; ctx.Err() == nil; n++ {
				if err := c.echo(fmt.Sprintf("resident %d says %d", i, n)); err != nil {
					t.Errorf("resident %d: %v", i, err)
					return
				}
			}
		})
	}
	for i := range workers {
		coming.Go(func() {
			for n := range connects / workers {
				if err := comeAndGo(addr, fmt.Sprintf("guest %d.%d", i, n), n%3); err != nil {
					t.Errorf("guest %d.%d: %v", i, n, err)
					return
				}
			}
		})
	}
	coming.Wait()
	cancel()
	staying.Wait()
	eventually(t, "no session is left", func() bool { return e.ClientsCount() == 0 })
}

// comeAndGo connects, talks, and ends in one of three ways.
func comeAndGo(addr, name string, way int) error {
	c, err := dialEcho(addr)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // it may be closed already
	if way == 0 {
		name += " close" // the server closes
	}
	if err := c.echo(name); err != nil {
		return err
	}
	switch way {
	case 0:
		_, _ = io.Copy(io.Discard, c.rd)
	case 1:
		return c.Conn.(*net.TCPConn).SetLinger(0) // a reset
	}
	return nil
}

// echoPatience is how long an answer may take on a busy machine.
const echoPatience = time.Minute

// echoClient is a WebSocket that hears what it says.
type echoClient struct {
	net.Conn
	rd *bufio.Reader
}

func dialEcho(addr string) (*echoClient, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(echoPatience))
	c := &echoClient{Conn: conn, rd: bufio.NewReader(conn)}
	_, _ = io.WriteString(conn, "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n")
	response, err := http.ReadResponse(c.rd, nil)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	_ = response.Body.Close()
	_, err = c.next() // the OPEN packet
	return c, err
}

// next reads a short frame.
func (c *echoClient) next() (string, error) {
	var head [2]byte
	if _, err := io.ReadFull(c.rd, head[:]); err != nil {
		return "", err
	}
	n := int(head[1])
	if n == 126 {
		var length [2]byte
		if _, err := io.ReadFull(c.rd, length[:]); err != nil {
			return "", err
		}
		n = int(length[0])<<8 | int(length[1])
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(c.rd, payload)
	return string(payload), err
}

func (c *echoClient) echo(text string) error {
	_ = c.SetDeadline(time.Now().Add(echoPatience))
	if _, err := c.Write(textFrame("4" + text)); err != nil {
		return err
	}
	got, err := c.next()
	if err == nil && got != "4"+text {
		err = fmt.Errorf("said %q and heard %q", text, got)
	}
	return err
}

// A handler that waits holds up its own client alone, however many there are of them.
func TestHandlerThatWaits(t *testing.T) {
	release := make(chan struct{})
	s := start(t, calm(), func(s *session) {
		_ = s.On("data", func(args ...any) {
			text := textOf(args[0])
			if text == "wait" {
				<-release
			}
			s.SendMessage(textMessage(text))
		})
	})
	var waiting, others []*wsClient
	for range 8 {
		waiting, others = append(waiting, s.connect()), append(others, s.connect())
	}
	for _, c := range waiting {
		c.send("4wait", "4after it")
		for _, other := range others {
			other.send("4a", "4b")
			other.want("4a", "4b")
		}
	}
	close(release)
	for _, c := range waiting {
		c.want("4wait", "4after it")
		c.send("4again")
		c.want("4again")
	}
}

// The end of a connection whose handler waits is told when the handler has returned.
func TestEndDuringAHandlerThatWaits(t *testing.T) {
	ends := map[string]struct {
		reason string
		end    func(*wsClient, *session)
	}{
		"the client closes":   {"transport close", func(c *wsClient, _ *session) { c.write(frame(fin|opClose, "")) }},
		"the connection ends": {"transport close", func(c *wsClient, _ *session) { _ = c.conn.Close() }},
		"the server closes":   {"forced close", func(_ *wsClient, s *session) { s.Close(false) }},
		"the server retires":  {"server shutting down", func(_ *wsClient, s *session) { s.Retire() }},
	}
	for name, test := range ends {
		t.Run(name, func(t *testing.T) {
			release, begun := make(chan struct{}), make(chan struct{}, 1)
			s := start(t, calm(), func(s *session) {
				_ = s.On("data", func(...any) {
					begun <- struct{}{}
					<-release
				})
			})
			c := s.connect()
			session := s.session()
			c.send("4wait")
			receive(t, "the handler begins", begun)
			other := s.connect()
			test.end(c, session)
			other.send("3") // the poller goes on
			s.session().wantOpen()
			close(release)
			session.wantClosed(test.reason)
		})
	}
}
