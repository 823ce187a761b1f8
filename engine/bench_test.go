package engine_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"chorus/engine"
)

// benchServer is an engine whose sessions echo.
func benchServer(b *testing.B) (*server, <-chan *engine.Conn) {
	b.Helper()
	s := &server{Server: engine.New(calm())}
	conns := make(chan *engine.Conn, 1000)
	_ = s.On("connection", func(args ...any) {
		c := args[0].(*engine.Conn)
		_ = c.On("data", func(args ...any) { c.SendMessage(textMessage(textOf(args[0]))) })
		conns <- c
	})
	h := httptest.NewServer(s)
	s.addr = h.Listener.Addr().String()
	b.Cleanup(func() {
		_ = s.Shutdown(context.Background())
		h.Close()
	})
	return s, conns
}

// benchClient connects and reads the OPEN packet.
func benchClient(b *testing.B, s *server) *wsClient {
	b.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		b.Fatal(err)
	}
	c := upgradeOn(b, conn, "EIO=4&transport=websocket", nil)
	c.wantOpen()
	return c
}

// One operation is one delivery: a broadcast has a thousand. The clients, who only count bytes, are
// part of what is measured.
func BenchmarkBroadcast(b *testing.B) {
	const clients = 1000
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprint(size, " bytes"), func(b *testing.B) {
			s, accepted := benchServer(b)
			var bytes atomic.Int64
			var reading sync.WaitGroup
			conns := make([]*engine.Conn, clients)
			for i := range conns {
				c := benchClient(b, s)
				conns[i] = <-accepted
				reading.Go(func() {
					buffer := make([]byte, 4<<10)
					for {
						n, err := c.rd.Read(buffer)
						bytes.Add(int64(n))
						if err != nil {
							return
						}
					}
				})
				b.Cleanup(func() { _ = c.conn.Close() })
			}
			b.Cleanup(reading.Wait)
			to := engine.NewReceivers(conns)
			text := strings.Repeat("x", size)
			frame := int64(len(header(fin|opText, 0, size+1)) + size + 1)
			b.ReportAllocs()
			b.ResetTimer()
			sent := int64(0)
			for range max(b.N/clients, 1) {
				engine.Broadcast(textMessage(text), nil, to)
				sent += frame * clients
				for bytes.Load() < sent-100*clients*frame { // no more than a hundred on the way
					runtime.Gosched()
				}
			}
			for bytes.Load() < sent {
				runtime.Gosched()
			}
			b.StopTimer()
			for _, c := range conns {
				c.Close(true)
			}
		})
	}
}

func BenchmarkEcho(b *testing.B) {
	s, _ := benchServer(b)
	c := benchClient(b, s)
	message := textFrame("4" + strings.Repeat("x", 100))
	answer := make([]byte, len(message)-4) // without a mask
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.conn.Write(message); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c.rd, answer); err != nil {
			b.Fatal(err)
		}
	}
}
