package node_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// rawClient speaks Socket.IO 5 over a WebSocket, with nothing between the test and the frames.
type rawClient struct {
	t  *testing.T
	ws *websocket.Conn

	asked int // see ask
}

const patience = 10 * time.Second

// dial connects and reads the OPEN packet.
func dial(t *testing.T, addr string) *rawClient {
	t.Helper()
	return dialTo(t, addr, "")
}

// dialTo is dial with more in the query.
func dialTo(t *testing.T, addr, query string) *rawClient {
	t.Helper()
	ws, response, err := websocket.DefaultDialer.Dial("ws://"+addr+"/socket.io/?EIO=4&transport=websocket"+query, nil)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	_ = response.Body.Close()
	t.Cleanup(func() { _ = ws.Close() })
	c := &rawClient{t: t, ws: ws}
	c.await("0{")
	return c
}

// join connects to the main namespace.
func join(t *testing.T, addr, token string) *rawClient {
	t.Helper()
	c := dial(t, addr)
	c.send(`40{"token":"` + token + `"}`)
	c.await("40{")
	return c
}

func (c *rawClient) send(frame string) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// await reads until a frame begins with prefix, and returns it.
func (c *rawClient) await(prefix string) string {
	c.t.Helper()
	_ = c.ws.SetReadDeadline(time.Now().Add(patience))
	for {
		_, frame, err := c.ws.ReadMessage()
		if err != nil {
			c.t.Fatalf("waiting for %q: %v", prefix, err)
		}
		if strings.HasPrefix(string(frame), prefix) {
			return string(frame)
		}
		if string(frame) == "2" {
			c.send("3")
		}
	}
}

// awaitClose reads until the server closes the connection.
func (c *rawClient) awaitClose() {
	c.t.Helper()
	_ = c.ws.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, _, err := c.ws.ReadMessage(); err != nil {
			if strings.Contains(err.Error(), "timeout") {
				c.t.Fatal("the connection stays open")
			}
			return
		}
	}
}

// get returns the status and the body.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := http.Client{Timeout: patience}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := response.Body.Read(buffer)
		body.Write(buffer[:n])
		if err != nil {
			return response.StatusCode, body.String()
		}
	}
}
