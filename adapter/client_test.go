package adapter_test

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// client speaks Socket.IO 5 over one WebSocket by hand.
type client struct {
	t    *testing.T
	node *node
	nsp  string
	id   socket.SocketId
	ws   *websocket.Conn

	frames chan string // Socket.IO packets, attachments as "binary HEX"; closed with the connection

	mu     sync.Mutex // guards writes and answer
	answer string     // what the client answers to every event that asks; empty: nothing
}

// join connects to the main namespace of a node and joins rooms.
func join(t *testing.T, n *node, rooms ...socket.Room) *client {
	t.Helper()
	return joinNamespace(t, n, "/", rooms...)
}

func joinNamespace(t *testing.T, n *node, nsp string, rooms ...socket.Room) *client {
	t.Helper()
	c := dial(t, n, nsp, 1024)
	c.send("0" + c.address() + `{"who":"test"}`)
	reply := c.next()
	var connected struct{ Sid socket.SocketId }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(reply, "0"+c.address())), &connected); err != nil {
		t.Fatalf("got %q, want a CONNECT", reply)
	}
	c.id = connected.Sid
	receive(t, "the socket", n.opened("socket "+string(c.id)))
	c.socket().Join(rooms...)
	return c
}

// dial opens a connection, which has no socket yet, and room for so many frames that the test has not taken.
func dial(t *testing.T, n *node, nsp string, frames int) *client {
	t.Helper()
	url := "ws" + strings.TrimPrefix(n.http.URL, "http") + "/socket.io/?EIO=4&transport=websocket&a=1&a=2"
	ws, resp, err := websocket.DefaultDialer.DialContext(t.Context(), url, http.Header{"X-Test": {"yes"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	c := &client{t: t, node: n, nsp: nsp, ws: ws, frames: make(chan string, frames)}
	done := make(chan struct{})
	session := make(chan string, 1)
	go func() { // ends with the connection
		defer close(done)
		defer close(c.frames)
		c.read(session)
	}()
	t.Cleanup(func() {
		_ = ws.Close()
		<-done
	})
	receive(t, "the session", n.opened("session "+receive(t, "the OPEN packet", session)))
	return c
}

// address is how packets name the namespace.
func (c *client) address() string {
	if c.nsp == "/" {
		return ""
	}
	return c.nsp + ","
}

// socket returns the server's side of the client.
func (c *client) socket() *socket.Socket {
	c.t.Helper()
	s, ok := c.node.Of(c.nsp, nil).Sockets().Load(c.id)
	if !ok {
		c.t.Fatalf("the node does not know %q", c.id)
	}
	return s
}

// asking matches an event that asks for an acknowledgement.
var asking = regexp.MustCompile(`^[25](?:\d+-)?(?:/[^,]*,)?(\d+)\[`)

func (c *client) read(session chan<- string) {
	for {
		kind, data, err := c.ws.ReadMessage()
		switch {
		case err != nil:
			return
		case kind == websocket.BinaryMessage:
			c.frames <- "binary " + hex.EncodeToString(data)
		case data[0] == '0':
			var open struct{ Sid string }
			_ = json.Unmarshal(data[1:], &open)
			session <- open.Sid
		case data[0] == '2':
			c.write("3")
		case data[0] == '4':
			packet := string(data[1:])
			if ask := asking.FindStringSubmatch(packet); ask != nil {
				c.mu.Lock()
				answer := c.answer
				c.mu.Unlock()
				if answer != "" {
					c.write("43" + c.address() + ask[1] + answer)
				}
			}
			c.frames <- packet
		}
	}
}

// answers makes the client acknowledge with these arguments, a JSON list.
func (c *client) answers(list string) *client {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = list
	return c
}

func (c *client) write(frame string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.ws.WriteMessage(websocket.TextMessage, []byte(frame)) // a closed connection shows when reading
}

// send sends a Socket.IO packet.
func (c *client) send(packet string) { c.write("4" + packet) }

// next returns the next packet, empty when the connection has ended.
func (c *client) next() string {
	c.t.Helper()
	return receive(c.t, "a packet", c.frames)
}

// until returns the packets before the event with this name.
func (c *client) until(event string) []string {
	c.t.Helper()
	var packets []string
	for {
		packet := c.next()
		if packet == "" {
			c.t.Fatalf("the connection has ended; before: %q", packets)
		}
		if strings.HasPrefix(packet, "2"+c.address()+`["`+event+`"`) {
			return packets
		}
		packets = append(packets, packet)
	}
}

// want fails unless exactly these packets come before the event "end".
func (c *client) want(packets ...string) {
	c.t.Helper()
	if got := c.until("end"); !slices.Equal(got, packets) {
		c.t.Errorf("got %q, want %q", got, packets)
	}
}

// ended fails unless the connection ends.
func (c *client) ended() {
	c.t.Helper()
	for packet := c.next(); packet != ""; packet = c.next() {
		if len(packet) > 0 && packet[0] == '2' {
			c.t.Errorf("got the event %q", packet)
		}
	}
}
