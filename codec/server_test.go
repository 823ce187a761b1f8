package codec_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chorus/codec"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// dial runs a server of the library with our parser, on which every event "echo" is emitted back
// and acknowledged with its arguments, and connects to it.
func dial(t *testing.T) *websocket.Conn {
	t.Helper()
	opts := socket.DefaultServerOptions()
	opts.SetServeClient(false)
	opts.SetParser(codec.New(codec.Options{}))
	io := socket.NewServer(nil, opts)
	_ = io.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		_ = s.On("echo", func(args ...any) {
			args, reply := codec.SplitAck(args)
			_ = s.Emit("echoed", args...)
			reply(args...)
		})
	})
	server := httptest.NewServer(io.ServeHandler(opts))
	t.Cleanup(server.Close)
	t.Cleanup(func() { io.Close(nil) })
	url := "ws" + strings.TrimPrefix(server.URL, "http") + "/socket.io/?EIO=4&transport=websocket"
	ws, resp, err := websocket.DefaultDialer.DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	if packet := next(t, ws); packet[0] != '0' {
		t.Fatalf("got %q", packet)
	}
	// The engine sends its first packet before the library listens.
	time.Sleep(50 * time.Millisecond)
	send(t, ws, `40{"token":"t"}`)
	if packet := next(t, ws); !strings.HasPrefix(packet, `40{"sid":"`) {
		t.Fatalf("got %q", packet)
	}
	return ws
}

func next(t *testing.T, ws *websocket.Conn) string {
	t.Helper()
	_, data, err := ws.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func send(t *testing.T, ws *websocket.Conn, text string) {
	t.Helper()
	if err := ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestServer(t *testing.T) {
	ws := dial(t)
	const value = `{"b":1.10,"a":12345678901234567890123,"b":"\ud800"}`
	send(t, ws, `427["echo",`+value+`,-0]`)
	requireEqual(t, next(t, ws), `42["echoed",`+value+`,-0]`)
	requireEqual(t, next(t, ws), `437[`+value+`,-0]`)

	send(t, ws, `451-8["echo",{"_placeholder":true,"num":0}]`)
	if err := ws.WriteMessage(websocket.BinaryMessage, []byte{1, 2}); err != nil {
		t.Fatal(err)
	}
	requireEqual(t, next(t, ws), `451-["echoed",{"_placeholder":true,"num":0}]`)
	requireEqual(t, next(t, ws), "\x01\x02")
	requireEqual(t, next(t, ws), `461-8[{"_placeholder":true,"num":0}]`)
	requireEqual(t, next(t, ws), "\x01\x02")
}

func TestServerClosesOnAnInvalidPacket(t *testing.T) {
	for _, packet := range []string{`42["echo",01]`, `42["connect"]`, `42`, `4x`, `4511-["echo"]`} {
		t.Run(packet, func(t *testing.T) {
			ws := dial(t)
			send(t, ws, packet)
			for {
				_, data, err := ws.ReadMessage()
				if err != nil {
					if strings.Contains(err.Error(), "timeout") {
						t.Fatal("the connection is open")
					}
					return
				}
				if data[0] == '4' {
					t.Fatalf("got %q", data)
				}
			}
		})
	}
}
