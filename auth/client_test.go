package auth_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// client speaks Socket.IO over one WebSocket by hand.
type client struct {
	t      *testing.T
	io     *server
	ws     *websocket.Conn
	frames chan string // Socket.IO packets; closed with the connection
}

// dial opens an Engine.IO 4 session. The query is appended to the URL, as in "&token=x".
func dial(t *testing.T, io *server, query string, header http.Header) *client {
	t.Helper()
	return dialVersion(t, io, "4", query, header)
}

func dialVersion(t *testing.T, io *server, version, query string, header http.Header) *client {
	t.Helper()
	url := "ws" + strings.TrimPrefix(io.http.URL, "http") + "/socket.io/?EIO=" + version + "&transport=websocket" + query
	ws, resp, err := websocket.DefaultDialer.DialContext(t.Context(), url, header)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	c := &client{t: t, io: io, ws: ws, frames: make(chan string, 64)}
	done := make(chan struct{})
	sid := make(chan string, 1)
	go func() { // ends with the connection
		defer close(done)
		defer close(c.frames)
		c.read(sid)
	}()
	t.Cleanup(func() {
		_ = ws.Close()
		<-done
	})
	receive(t, io.opened("session "+receive(t, sid)))
	return c
}

func (c *client) read(sid chan<- string) {
	for {
		_, data, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		switch data[0] {
		case '0':
			var open struct{ Sid string }
			_ = json.Unmarshal(data[1:], &open)
			sid <- open.Sid
		case '4':
			c.frames <- string(data[1:])
		}
	}
}

// send sends a Socket.IO packet.
func (c *client) send(packet string) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte("4"+packet)); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the next Socket.IO packet, empty when the connection has ended.
func (c *client) next() string {
	c.t.Helper()
	select {
	case packet := <-c.frames:
		return packet
	case <-time.After(patience):
		c.t.Fatal("no packet came")
		return ""
	}
}

// want fails unless the next packet is this prefix with this JSON after it.
func (c *client) want(prefix, payload string) {
	c.t.Helper()
	packet := c.next()
	rest, ok := strings.CutPrefix(packet, prefix)
	if !ok || !sameJSON(rest, payload) {
		c.t.Fatalf("got packet %q, want %s%s", packet, prefix, payload)
	}
}

// exactly fails unless the next packet is exactly this one.
func (c *client) exactly(packet string) {
	c.t.Helper()
	if got := c.next(); got != packet {
		c.t.Fatalf("got packet %q, want %q", got, packet)
	}
}

// connect connects to the main namespace, as nobody or somebody, and must be let in.
func (c *client) connect(authObject string) {
	c.t.Helper()
	c.send("0" + authObject)
	packet := c.next()
	var connected struct{ Sid string }
	if packet == "" || packet[0] != '0' || json.Unmarshal([]byte(packet[1:]), &connected) != nil {
		c.t.Fatalf("got packet %q, want a CONNECT", packet)
	}
	receive(c.t, c.io.opened("socket "+connected.Sid))
}

// ended fails unless the connection ends, with nothing but these packets before.
func (c *client) ended(packets ...string) {
	c.t.Helper()
	for _, want := range append(packets, "") {
		if packet := c.next(); packet != want {
			c.t.Fatalf("got packet %q, want %q", packet, want)
		}
	}
}

func sameJSON(a, b string) bool {
	if a == b {
		return true
	}
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

func quote(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func tokenObject(token any) string { return quote(map[string]any{"token": token}) }
