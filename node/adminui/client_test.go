package adminui_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chorus/adapter"
	"chorus/codec"
	"chorus/engine"
	"chorus/node/adminui"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// server is a Socket.IO server with the namespace of the admin UI. A user named "ops" may do everything, one named
// "viewer" may look; the password is "secret", the session of ops "session of ops".
type server struct {
	t    *testing.T
	http *httptest.Server
}

func serve(t *testing.T, change func(*adminui.Options)) *server {
	t.Helper()
	e := engine.New(engine.Options{})
	opts := socket.DefaultServerOptions()
	opts.SetAdapter(adapter.NewMemory())
	opts.SetParser(codec.New(codec.Options{}))
	io := socket.NewServer(nil, opts)
	io.Bind(e)
	_ = io.On("connection", func(args ...any) {
		one := args[0].(*socket.Socket)
		_ = one.On("join", func(args ...any) {
			args, reply := codec.SplitAck(args)
			room, _ := codec.Arg[string]("join", args, 0)
			one.Join(socket.Room(room))
			reply("joined")
		})
		_ = one.On("say", func(args ...any) {
			args, _ = codec.SplitAck(args)
			_ = io.Emit("said", args...)
		})
		_ = one.On("token:refresh", func(...any) {})
	})
	options := adminui.Options{
		IO: io, SignIn: signIn, Server: "node-1",
		Figures: func() adminui.Figures {
			return adminui.Figures{Connections: e.ClientsCount(), Received: e.Stats().Received.Load(), Sent: e.Stats().Sent.Load()}
		},
		User: func(*socket.Socket) map[string]any { return map[string]any{"user": "somebody"} },
	}
	if change != nil {
		change(&options)
	}
	ui, err := adminui.New(options)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, http: httptest.NewServer(e)}
	t.Cleanup(func() {
		ui.Close()
		ui.Close() // it is idempotent
		io.Close(nil)
		s.http.Close()
	})
	return s
}

func signIn(_ context.Context, c adminui.Credentials) (adminui.Access, error) {
	switch {
	case c.Session == "session of ops", c.Username == "ops" && c.Password == "secret":
		return adminui.Access{Session: "session of ops"}, nil
	case c.Username == "viewer" && c.Password == "secret":
		return adminui.Access{ReadOnly: true}, nil
	}
	return adminui.Access{}, errors.New("the reason, which nobody is told")
}

// client speaks Socket.IO in one namespace over one WebSocket by hand.
type client struct {
	t      *testing.T
	nsp    string // with the comma that follows it in packets; "" for the main namespace
	ws     *websocket.Conn
	frames chan string
	id     string
}

// dial connects to a namespace, or returns the packet of the refusal.
func (s *server) dial(nsp, credentials string) (c *client, refusal string) {
	s.t.Helper()
	ws, resp, err := websocket.DefaultDialer.DialContext(s.t.Context(), "ws"+strings.TrimPrefix(s.http.URL, "http")+"/socket.io/?EIO=4&transport=websocket",
		map[string][]string{"Authorization": {"Bearer a-secret-of-the-header"}, "Cookie": {"a-secret-of-the-cookie"}})
	if err != nil {
		s.t.Fatal(err)
	}
	_ = resp.Body.Close()
	c = &client{t: s.t, ws: ws, frames: make(chan string, 1024)}
	if nsp != "/" {
		c.nsp = nsp + ","
	}
	done := make(chan struct{})
	go func() { // ends with the connection
		defer close(done)
		defer close(c.frames)
		for {
			_, data, err := ws.ReadMessage()
			if err != nil {
				return
			}
			if data[0] == '4' {
				c.frames <- string(data[1:])
			}
		}
	}()
	s.t.Cleanup(func() {
		_ = ws.Close()
		<-done
	})
	c.send("0" + c.nsp + credentials)
	answer := c.next()
	connected, ok := strings.CutPrefix(answer, "0"+c.nsp)
	if !ok {
		return nil, answer
	}
	var packet struct{ Sid string }
	if err := json.Unmarshal([]byte(connected), &packet); err != nil {
		s.t.Fatal(answer)
	}
	c.id = packet.Sid
	return c, ""
}

// user connects to the main namespace.
func (s *server) user() *client {
	s.t.Helper()
	c, refusal := s.dial("/", "")
	if refusal != "" {
		s.t.Fatal(refusal)
	}
	return c
}

// admin signs a UI in.
func (s *server) admin(name string) *client {
	s.t.Helper()
	c, refusal := s.dial(adminui.Name, `{"username":"`+name+`","password":"secret"}`)
	if refusal != "" {
		s.t.Fatal(refusal)
	}
	return c
}

func (c *client) send(packet string) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte("4"+packet)); err != nil {
		c.t.Fatal(err)
	}
}

// emit sends an event, as ["join","/","blue"].
func (c *client) emit(event string) { c.t.Helper(); c.send("2" + c.nsp + event) }

// next returns the next packet, empty when the connection has ended.
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

// hears returns the next event that has all these texts in it. Those before it are passed over.
func (c *client) hears(texts ...string) string {
	c.t.Helper()
	for {
		packet := c.next()
		if packet == "" {
			c.t.Fatalf("the connection ended before an event with %q", texts)
		}
		if containsAll(packet, texts) {
			return packet
		}
	}
}

func containsAll(packet string, texts []string) bool {
	for _, text := range texts {
		if !strings.Contains(packet, text) {
			return false
		}
	}
	return true
}
