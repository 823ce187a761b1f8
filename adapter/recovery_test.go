package adapter_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/adapter/session"
	"chorus/internal/redistest"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// visitor is a client that returns with what the official one returns with.
type visitor struct {
	*client
	pid, offset string
	recovered   bool
}

// outcomes counts what Observe is called with.
type outcomes struct {
	mu    sync.Mutex
	count map[string]int
}

func (o *outcomes) observe(outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.count == nil {
		o.count = make(map[string]int)
	}
	o.count[outcome]++
}

func (o *outcomes) of(outcome string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count[outcome]
}

// visit connects to a node; auth is JSON without its braces.
func visit(t *testing.T, n *node, auth string) *visitor {
	t.Helper()
	v, reply := knock(t, n, auth)
	var connected struct {
		Sid socket.SocketId
		Pid string
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(reply, "0")), &connected); err != nil || connected.Pid == "" {
		t.Fatalf("got %q, want a CONNECT", reply)
	}
	v.id, v.pid = connected.Sid, connected.Pid
	v.recovered = strings.Contains(auth, `"pid":"`+v.pid+`"`)
	eventually(t, "the socket", func() bool {
		s, ok := n.Sockets().Sockets().Load(v.id)
		return ok && s.Connected()
	})
	return v
}

func knock(t *testing.T, n *node, auth string) (*visitor, string) {
	t.Helper()
	v := approach(t, n, auth)
	return v, v.next()
}

// approach is knock that does not wait for the answer.
func approach(t *testing.T, n *node, auth string) *visitor {
	t.Helper()
	c := dial(t, n, "/", 20_000)
	c.send("0{" + auth + "}")
	return &visitor{client: c}
}

// back returns what a client says of its session when it returns.
func (v *visitor) back(more ...string) string {
	auth := fmt.Sprintf(`"user":"ada","pid":%q`, v.pid)
	if v.offset != "" {
		auth += fmt.Sprintf(`,"offset":%q`, v.offset)
	}
	return strings.Join(append([]string{auth}, more...), ",")
}

var isOffset = regexp.MustCompile(`^\d+-\d+$`)

// hears fails unless the next events are these, their offsets apart, which it remembers.
func (v *visitor) hears(events ...string) {
	v.t.Helper()
	for _, want := range events {
		packet := v.next()
		var args []any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(packet, "2")), &args); err != nil {
			v.t.Fatalf("got %q, want an event", packet)
		}
		last := len(args) - 1
		if offset, ok := args[last].(string); ok && isOffset.MatchString(offset) {
			v.offset = offset
			args = args[:last]
		}
		got, _ := json.Marshal(args)
		if string(got) != want {
			v.t.Fatalf("got %s, want %s (after %s)", got, want, v.offset)
		}
	}
}

// breaks ends the connection without a word.
func (v *visitor) breaks() {
	v.t.Helper()
	_ = v.ws.NetConn().Close()
	eventually(v.t, "the node notices", func() bool {
		_, there := v.node.Sockets().Sockets().Load(v.id)
		return !there
	})
}

// eachRecovery runs a test with two nodes that share streams, and with one that is alone and plays both.
func eachRecovery(t *testing.T, opts session.Options, test func(t *testing.T, a, b *node, seen *outcomes)) {
	t.Run("streams", func(t *testing.T) {
		t.Parallel()
		seen := &outcomes{}
		opts := opts
		opts.Observe = seen.observe
		addr := streamsAddr(redistest.Start(t, redistest.Options{}).Addr)
		s := settings{recovery: &opts, clusterOptions: clusterOptions{Logger: slog.New(slog.DiscardHandler)}}
		test(t, startNode(t, addr, s), startNode(t, addr, s), seen)
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		seen := &outcomes{}
		opts := opts
		opts.Observe = seen.observe
		n := &node{t: t, open: make(map[string]chan struct{})}
		n.serveAlone(opts, settings{recovery: &opts})
		test(t, n, n, seen)
	})
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	eachRecovery(t, session.Options{}, func(t *testing.T, a, b *node, seen *outcomes) {
		data := map[string]any{"name": "Ada", "decoded": "not kept"}
		connections := make(chan *socket.Socket, 64)
		a.on(b.On("connection", func(args ...any) { connections <- args[0].(*socket.Socket) }))
		ada := visit(t, a, `"user":"ada"`)
		ada.socket().Join("r", "left")
		ada.socket().SetData(data)
		a.Emit("x", 1)
		_ = a.To("r").Emit("x", 2)
		ada.hears(`["x",1]`, `["x",2]`)
		ada.socket().Leave("left")
		time.Sleep(1200 * time.Millisecond) // data that was replaced is noticed within a second

		ada.breaks()
		_ = a.To("r").Emit("x", 3)
		received(t, a) // what two nodes send has no order of its own
		_ = b.To("other").Emit("x", "not for her")
		_ = b.To("left").Emit("x", "not any more")
		_ = b.To("r").Except(socket.Room(ada.id)).Emit("x", "not for her either")
		_ = b.To("r", "other").Emit("x", []byte{1}, 4)
		_ = b.Volatile().Emit("x", "lost")
		_ = b.To(socket.Room(ada.id)).Emit("x", 5)
		if err := receive(t, "the outcome", publishPacket(t, b, "x", 6)); err != nil {
			t.Fatal(err)
		}
		received(t, a, b)          // a volatile event that comes later would reach her
		for len(connections) > 0 { // in memory, her first one is among them
			<-connections
		}
		again := visit(t, b, ada.back())
		if !again.recovered || again.id != ada.id || seen.of(session.Resumed) != 1 {
			t.Fatalf("recovered: %t, %s instead of %s: %v", again.recovered, again.id, ada.id, seen.count)
		}
		s := receive(t, "the connection", connections)
		for s.Id() != ada.id { // of a client that came before
			s = receive(t, "the connection", connections)
		}
		if !s.Recovered() || len(s.Handshake().Auth) != 1 {
			t.Errorf("recovered: %t, auth: %v", s.Recovered(), s.Handshake().Auth)
		}
		if got, _ := s.Data().(map[string]any); got["name"] != "Ada" {
			t.Errorf("the data is %v", s.Data())
		}
		if rooms := s.Rooms(); !rooms.Has("r") || rooms.Has("left") || rooms.Len() != 2 {
			t.Errorf("the rooms are %v", rooms.Keys())
		}
		again.offset = ada.offset
		again.hears(`["x",3]`)
		if packet := again.next(); !strings.HasPrefix(packet, `51-["x",{"_placeholder":true,"num":0},4,"`) {
			t.Errorf("got %q", packet)
		}
		if packet := again.next(); packet != "binary 01" {
			t.Errorf("got %q", packet)
		}
		again.hears(`["x",5]`, `["x",6]`)
		_ = a.To("r").Emit("x", 7)
		again.hears(`["x",7]`)

		// And once more, to where she came from.
		again.breaks()
		_ = a.To("r").Emit("x", 8)
		third := visit(t, a, again.back())
		third.offset = again.offset
		third.hears(`["x",8]`)
	})
}

// TestRecoveryIsRefused: a session that is not the client's, or not any more, is a new one.
func TestRecoveryIsRefused(t *testing.T) {
	t.Parallel()
	eachRecovery(t, session.Options{MaxDisconnection: 2 * time.Second}, func(t *testing.T, a, b *node, seen *outcomes) {
		come := func(outcome string, auth string) {
			t.Helper()
			before := seen.of(outcome)
			if v := visit(t, b, auth); v.recovered || seen.of(outcome) != before+1 {
				t.Errorf("%s: recovered: %t, %v", auth, v.recovered, seen.count)
			}
		}
		start := func() *visitor {
			v := visit(t, a, `"user":"ada"`)
			a.Emit("x", 1)
			v.hears(`["x",1]`)
			return v
		}
		ada := start()
		ada.breaks()
		come(session.WrongOwner, strings.Replace(ada.back(), `"ada"`, `"eve"`, 1))
		come(session.Malformed, strings.Replace(ada.back(), ada.offset, "hello", 1))
		come(session.Malformed, `"user":"ada","pid":"a:b*","offset":"1-1"`)
		come(session.Offset, strings.Replace(ada.back(), ada.offset, "99999999999999-0", 1))
		come(session.Unknown, strings.Replace(ada.back(), ada.pid, "another", 1))
		if v := visit(t, b, ada.back()); !v.recovered {
			t.Errorf("attempts that were refused have cost the session: %v", seen.count)
		}

		bob := start()
		bob.send("1") // it says goodbye
		eventually(t, "the goodbye", func() bool { _, there := a.Sockets().Sockets().Load(bob.id); return !there })
		time.Sleep(100 * time.Millisecond) // the session is dropped behind it
		come(session.Unknown, bob.back())

		eve := start()
		a.In(socket.Room(eve.id)).DisconnectSockets(true)
		eventually(t, "her end", func() bool { _, there := a.Sockets().Sockets().Load(eve.id); return !there })
		time.Sleep(100 * time.Millisecond)
		come(session.Unknown, eve.back())

		old := start()
		old.breaks()
		time.Sleep(2500 * time.Millisecond)
		come(session.Unknown, old.back())

		// Whom a later middleware refuses, and who breaks off before it has connected, may come again.
		twice := start()
		twice.breaks()
		if _, reply := knock(t, b, twice.back(`"bad":1`)); !strings.HasPrefix(reply, "4") {
			t.Errorf("got %q, want CONNECT_ERROR", reply)
		}
		if v := visit(t, b, twice.back()); !v.recovered {
			t.Errorf("an attempt that was refused has cost the session: %v", seen.count)
		}
	})
}

// TestRecoveryWaitsForRedis: a client that returns while Redis hangs has to come again, and has lost nothing
// then.
func TestRecoveryWaitsForRedis(t *testing.T) {
	t.Parallel()
	seen := &outcomes{}
	opts := session.Options{Observe: seen.observe}
	server := redistest.Start(t, redistest.Options{})
	a := startNode(t, streamsAddr(server.Addr), settings{recovery: &opts})
	b := startNode(t, streamsAddr(server.Addr), settings{recovery: &opts})
	ada := visit(t, a, `"user":"ada"`)
	a.Emit("x", 1)
	ada.hears(`["x",1]`)
	eventually(t, "the session is stored", func() bool { return stored(t, a, ada.pid, "ada") })
	ada.breaks()
	if err := receive(t, "the outcome", publishPacket(t, b, "x", 2)); err != nil {
		t.Fatal(err)
	}
	server.Pause()
	if _, reply := knock(t, b, ada.back()); reply != "" {
		t.Errorf("got %q, want the end of the connection", reply)
	}
	server.Resume()
	b.awaitHealth()
	again := visit(t, b, ada.back())
	if !again.recovered || seen.of(session.Unavailable) != 1 {
		t.Fatalf("recovered: %t, %v", again.recovered, seen.count)
	}
	again.hears(`["x",2]`)
}

// TestRecoveryOfLostSessions: sessions that Redis has lost are written again when it is back.
func TestRecoveryOfLostSessions(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{}) // which keeps nothing
	a := startNode(t, streamsAddr(server.Addr), settings{recovery: &session.Options{}})
	b := startNode(t, streamsAddr(server.Addr), settings{recovery: &session.Options{}})
	ada := visit(t, a, `"user":"ada"`)
	eventually(t, "the session is stored", func() bool { return stored(t, a, ada.pid, "ada") })
	server.Stop()
	unhealthy(t, a)
	unhealthy(t, b)
	server.Restart()
	a.awaitHealth()
	b.awaitHealth()
	a.Emit("x", 1)
	ada.hears(`["x",1]`)
	eventually(t, "the session is stored again", func() bool { return stored(t, a, ada.pid, "ada") })
	ada.breaks()
	b.Emit("x", 2)
	again := visit(t, b, ada.back())
	if !again.recovered {
		t.Fatal("not recovered")
	}
	again.hears(`["x",2]`)
}

// TestRecoveryReplaces: a client that returns before its old connection is known to be broken has one
// socket, and nothing that concerns the old one touches the new one.
func TestRecoveryReplaces(t *testing.T) {
	t.Parallel()
	eachRecovery(t, session.Options{}, func(t *testing.T, a, b *node, _ *outcomes) {
		ada := visit(t, a, `"user":"ada"`)
		ada.socket().Join("r")
		a.Emit("x", 1)
		ada.hears(`["x",1]`)
		eventually(t, "the session is stored", func() bool { return stored(t, a, ada.pid, "r") })
		old := ada.socket()
		_ = a.To("r").Emit("x", 2)
		again := visit(t, b, ada.back())
		if !again.recovered {
			t.Fatal("not recovered")
		}
		again.offset = ada.offset
		again.hears(`["x",2]`)
		eventually(t, "the old socket ends", func() bool { return !old.Connected() })
		time.Sleep(100 * time.Millisecond)
		_ = a.To("r").Emit("x", 3)
		again.hears(`["x",3]`)
		if s, there := b.Sockets().Sockets().Load(ada.id); !there || !s.Connected() || !s.Rooms().Has("r") {
			t.Error("the end of the old socket was that of the new one")
		}
		// The session is still the new one's.
		again.breaks()
		_ = a.To("r").Emit("x", 4)
		third := visit(t, a, again.back())
		if !third.recovered {
			t.Fatal("the end of the old socket was that of the session")
		}
		third.offset = again.offset
		third.hears(`["x",4]`)
	})
}

// stored reports whether Redis has the session with the room in it.
func stored(t *testing.T, n *node, pid, room string) bool {
	t.Helper()
	if n.redis == nil {
		return true
	}
	text, _ := n.client.Get(t.Context(), "sio:session:"+pid).Result()
	packed, _ := base64.StdEncoding.DecodeString(text)
	return strings.Contains(string(packed), room)
}

// TestRecoveryUnderWay: clients come back again and again while others send; nobody misses a message, and
// nobody gets one twice or in another order.
func TestRecoveryUnderWay(t *testing.T) {
	t.Parallel()
	eachRecovery(t, session.Options{History: 50}, func(t *testing.T, a, b *node, seen *outcomes) {
		const messages, clients = 1500, 6
		nodes := []*node{a, b}
		if a == b {
			nodes = nodes[:1]
		}
		var sending sync.WaitGroup
		begin := make(chan struct{})
		for i, n := range nodes {
			sending.Go(func() {
				<-begin
				for j := range messages / len(nodes) {
					_ = n.To("r").Emit("x", i, j)
					if j%20 == 0 {
						time.Sleep(3 * time.Millisecond)
					}
				}
			})
		}
		got := make([][]string, clients)
		var listening sync.WaitGroup
		ready := make(chan struct{}, clients)
		for i := range clients {
			listening.Go(func() {
				v := visit(t, nodes[i%len(nodes)], `"user":"ada"`)
				v.socket().Join("r")
				eventually(t, "the session is stored", func() bool { return stored(t, a, v.pid, "r") })
				ready <- struct{}{}
				for len(got[i]) < messages/len(nodes)*len(nodes) {
					packet := v.next()
					if packet == "" {
						t.Errorf("the connection has ended after %d", len(got[i]))
						return
					}
					var args []any
					if err := json.Unmarshal([]byte(packet[1:]), &args); err != nil || len(args) != 4 {
						t.Errorf("got %q", packet)
						return
					}
					v.offset = args[3].(string)
					got[i] = append(got[i], fmt.Sprint(args[1], args[2]))
					// With a node that is alone, what it remembers is all there is.
					if every := 40 + 7*i; len(got[i])%every == 0 && a != b {
						if len(got[i])%2 == 0 {
							v.ws.NetConn().Close()
						}
						again := visit(t, nodes[len(got[i])%len(nodes)], v.back())
						if !again.recovered {
							t.Errorf("not recovered: %v", seen.count)
							return
						}
						again.offset = v.offset
						v = again
					}
				}
			})
		}
		for range clients {
			<-ready
		}
		close(begin)
		sending.Wait()
		listening.Wait()
		for i := range got {
			if !slices.Equal(got[i], got[0]) {
				t.Errorf("client %d got %d messages, client 0 %d, or in another order", i, len(got[i]), len(got[0]))
			}
		}
		seq := make(map[string]int)
		for _, m := range got[0] {
			sender, n, _ := strings.Cut(m, " ")
			if fmt.Sprint(seq[sender]) != n {
				t.Fatalf("after %d of %s comes %s", seq[sender]-1, sender, n)
			}
			seq[sender]++
		}
	})
}
