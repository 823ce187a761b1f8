package adapter_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chorus/adapter"
	"chorus/adapter/session"
	"chorus/internal/redistest"

	"github.com/gorilla/websocket"
	"github.com/redis/go-redis/v9"
	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// regular returns a client that has heard something, and whose session is stored.
func regular(t *testing.T, n *node, rooms ...socket.Room) *visitor {
	t.Helper()
	v := visit(t, n, `"user":"ada"`)
	v.socket().Join(append(rooms, "joined")...)
	_ = n.To(socket.Room(v.id)).Emit("hello")
	v.hears(`["hello"]`)
	eventually(t, "the session is stored", func() bool { return stored(t, n, v.pid, "joined") })
	return v
}

// returns has a client come back, which must have its session.
func (v *visitor) returns(n *node) *visitor {
	v.t.Helper()
	again := visit(v.t, n, v.back())
	if !again.recovered {
		v.t.Fatal("not recovered")
	}
	again.offset = v.offset
	return again
}

// holdSlow has a node let the one client that says to be slow in when release is closed, and closes arrived when
// it is there.
func holdSlow(n *node) (arrived <-chan struct{}, release chan<- struct{}) {
	there, enter := make(chan struct{}), make(chan struct{})
	n.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		if s.Handshake().Auth["slow"] != nil {
			close(there)
			<-enter
		}
		next(nil)
	})
	return there, enter
}

// TestRecoveryTwiceAtOnce: a client that returns while its last return is still being let in has one socket, with
// all that it missed.
func TestRecoveryTwiceAtOnce(t *testing.T) {
	t.Parallel()
	eachRecovery(t, session.Options{}, func(t *testing.T, a, b *node, _ *outcomes) {
		arrived, release := holdSlow(b)
		ada := regular(t, a)
		ada.breaks()
		_ = a.To("joined").Emit("x", 1)
		first := approach(t, b, ada.back(`"slow":1`))
		receive(t, "the first return", arrived)
		ended := make(chan struct{})
		go func() { // ends with the connection
			defer close(ended)
			for range first.frames { //nolint:revive // until it ends
			}
			close(release)
		}()
		second := ada.returns(b)
		receive(t, "the end of the first return", ended)
		second.hears(`["x",1]`)
		_ = a.To("joined").Emit("x", 2)
		second.hears(`["x",2]`)
		if !second.socket().Rooms().Has("joined") {
			t.Error("it is not in its room")
		}
		second.breaks()
		_ = a.To("joined").Emit("x", 3)
		second.returns(a).hears(`["x",3]`)
	})
}

// TestRecoveryTwiceAtOnceElsewhere is the same with two nodes: the first return connects, and ends when it turns
// out that the session is the other node's.
func TestRecoveryTwiceAtOnceElsewhere(t *testing.T) {
	t.Parallel()
	addr := streamsAddr(redistest.Start(t, redistest.Options{}).Addr)
	s := settings{recovery: &session.Options{}}
	a, b := startNode(t, addr, s), startNode(t, addr, s)
	arrived, release := holdSlow(a)
	ada := regular(t, a)
	ada.breaks()
	eventually(t, "the session is stored", func() bool { return stored(t, a, ada.pid, "joined") })
	_ = b.To("joined").Emit("x", 1)
	first := approach(t, a, ada.back(`"slow":1`))
	receive(t, "the first return", arrived)
	second := ada.returns(b)
	second.hears(`["x",1]`)
	close(release)
	for packet := first.next(); packet != ""; packet = first.next() { //nolint:revive // until it ends
	}
	_ = a.To("joined").Emit("x", 2)
	second.hears(`["x",2]`)
	second.breaks()
	_ = a.To("joined").Emit("x", 3)
	second.returns(a).hears(`["x",3]`)
}

// TestRecoveryOfQuietClient: who has got all that was for it has its session back, however long ago that was.
func TestRecoveryOfQuietClient(t *testing.T) {
	t.Parallel()
	eachRecovery(t, session.Options{History: 5}, func(t *testing.T, a, b *node, seen *outcomes) {
		others := func() {
			for range 20 {
				_ = a.To("others").Emit("x", "not for her")
			}
			if err := receive(t, "the outcome", publishPacketTo(t, a, "others", "x")); err != nil {
				t.Fatal(err)
			}
			if a.redis != nil {
				a.client.XTrimMaxLen(t.Context(), "socket.io", 5)
			}
		}
		ada := regular(t, a)
		others()
		received(t, a, b)
		ada.breaks()
		_ = a.To("joined").Emit("x", 1)
		again := ada.returns(b)
		again.hears(`["x",1]`)

		// What was on its way to her counts as missed.
		older := again.offset
		_ = a.To("joined").Emit("x", 2)
		again.hears(`["x",2]`)
		again.offset = older
		again.breaks()
		others()
		received(t, a, b)
		if v := visit(t, a, again.back()); v.recovered || seen.of(session.Offset) != 1 {
			t.Errorf("recovered, with a gap: %v", seen.count)
		}
	})
}

// received waits until two nodes have received as much as there is.
func received(t *testing.T, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		if n.redis == nil {
			continue
		}
		c := join(t, n)
		_ = n.To(socket.Room(c.id)).Emit("end")
		c.until("end")
	}
}

// TestRecoveryOutsideOfLocks: a handler that runs because of what was missed may wait for other clients.
func TestRecoveryOutsideOfLocks(t *testing.T) {
	t.Parallel()
	addr := streamsAddr(redistest.Start(t, redistest.Options{}).Addr)
	s := settings{recovery: &session.Options{}}
	a, b := startNode(t, addr, s), startNode(t, addr, s)
	ada, bob := regular(t, a, "left"), join(t, b)
	ada.breaks()
	a.In("joined").SocketsLeave("left")
	received(t, a, b)
	left := make(chan bool, 1)
	a.on(b.Sockets().Adapter().On("leave-room", func(args ...any) {
		if args[0] == socket.Room("left") {
			_ = b.Emit("end")
			select {
			case <-bob.frames:
				left <- true
			case <-time.After(patience):
				left <- false
			}
		}
	}))
	again := ada.returns(b)
	if !receive(t, "the room is left", left) {
		t.Error("nothing is delivered while a handler runs")
	}
	again.hears(`["end"]`)
}

// TestRecoveryOfHalfDone: a client whose connection breaks while an order to many is carried out does not miss it.
func TestRecoveryOfHalfDone(t *testing.T) {
	t.Parallel()
	addr := streamsAddr(redistest.Start(t, redistest.Options{}).Addr)
	s := settings{recovery: &session.Options{}}
	a, b := startNode(t, addr, s), startNode(t, addr, s)
	clients := map[socket.SocketId]*visitor{}
	for range 2 {
		v := regular(t, a)
		clients[v.id] = v
	}
	first, release := make(chan socket.SocketId, 2), make(chan struct{})
	a.on(a.Sockets().Adapter().On("join-room", func(args ...any) {
		if args[0] == socket.Room("late") {
			first <- args[1].(socket.SocketId)
			<-release
		}
	}))
	b.In("joined").SocketsJoin("late")
	done := receive(t, "the first to join", first)
	delete(clients, done)
	for _, v := range clients {
		v.breaks()
		close(release)
		again := v.returns(b)
		eventually(t, "the room is joined", func() bool { return again.socket().Rooms().Has("late") })
	}
}

// TestRecoveryLocal: an event for the clients of this node reaches one that is being brought up to date.
func TestRecoveryLocal(t *testing.T) {
	t.Parallel()
	eachRecovery(t, session.Options{}, func(t *testing.T, a, b *node, _ *outcomes) {
		ada := regular(t, a)
		ada.breaks()
		_ = a.To("joined").Emit("x", 1)
		a.on(b.On("connection", func(args ...any) {
			_ = b.Local().To(socket.Room(args[0].(*socket.Socket).Id())).Emit("welcome", map[string]any{})
		}))
		again := ada.returns(b)
		again.hears(`["welcome",{}]`, `["x",1]`)
	})
}

// TestRecoveryFloodOfVisits: one that comes and goes does not cost others their sessions.
func TestRecoveryFloodOfVisits(t *testing.T) {
	t.Parallel()
	seen := &outcomes{}
	opts := session.Options{Sessions: 3, Observe: seen.observe}
	n := &node{t: t, open: make(map[string]chan struct{})}
	n.serveAlone(opts, settings{recovery: &opts})
	ada, eve := regular(t, n), regular(t, n)
	ada.breaks()
	for range 10 {
		eve.breaks()
		eve = eve.returns(n)
	}
	ada = ada.returns(n)

	ada.breaks()
	for range 3 {
		regular(t, n).breaks()
	}
	if v := visit(t, n, ada.back()); v.recovered || seen.of(session.Unknown) != 1 {
		t.Errorf("there are more sessions than the bound: %v", seen.count)
	}
}

// TestRecoveryOutageIsBounded: the sessions of clients that come and go while Redis is away are not kept without end.
func TestRecoveryOutageIsBounded(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	n := startNode(t, streamsAddr(server.Addr), settings{recovery: &session.Options{Sessions: 3}})
	server.Stop()
	unhealthy(t, n)
	visitors := make([]*visitor, 8)
	for i := range visitors {
		visitors[i] = visit(t, n, `"user":"ada"`)
		visitors[i].breaks()
	}
	if got := n.redis.RecoveryStats(); got.Away != 3 || got.Dropped != 5 {
		t.Errorf("got %+v, want 3 sessions that wait and 5 that were dropped", got)
	}
	server.Restart()
	n.awaitHealth()
	for _, v := range visitors[5:] {
		eventually(t, "the session is stored", func() bool { return stored(t, n, v.pid, "ada") })
	}
}

// refusing answers the first writes of a session with an error.
type refusing struct{ left atomic.Int64 }

type answered string

func (e answered) Error() string { return string(e) }
func (answered) RedisError()     {}

func (*refusing) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (*refusing) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (r *refusing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() == "eval" && r.left.Add(-1) >= 0 {
			for _, cmd := range cmds {
				cmd.SetErr(answered("CLUSTERDOWN The cluster is down"))
			}
			return cmds[0].Err()
		}
		return next(ctx, cmds)
	}
}

// TestRecoveryWithoutMaster: a session that a Redis Cluster does not take while it has no master is written again.
func TestRecoveryWithoutMaster(t *testing.T) {
	t.Parallel()
	n := startNode(t, streamsAddr(redistest.Start(t, redistest.Options{}).Addr), settings{recovery: &session.Options{}})
	r := &refusing{}
	r.left.Store(2)
	n.client.AddHook(r)
	regular(t, n)
	if r.left.Load() >= 0 {
		t.Error("nothing was refused")
	}
}

// TestRecoveryLostToAnother: a socket whose session another server has ends, even when nobody has told it.
func TestRecoveryLostToAnother(t *testing.T) {
	t.Parallel()
	n := startNode(t, streamsAddr(redistest.Start(t, redistest.Options{}).Addr), settings{recovery: &session.Options{}})
	ada := regular(t, n)
	text, err := n.client.Get(t.Context(), "sio:session:"+ada.pid).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text[20]++ // in the name of the holder
	if err := n.client.Set(t.Context(), "sio:session:"+ada.pid, text, time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	ada.socket().Join("another")
	ada.ended()
	if now, _ := n.client.Get(t.Context(), "sio:session:"+ada.pid).Bytes(); string(now) != string(text) {
		t.Error("the session of the other server was overwritten")
	}
}

// foreign stores a session as a Node.js server does.
func foreign(t *testing.T, n *node, pid string, data map[string]any) {
	t.Helper()
	b, err := msgp.AppendMapStrIntf(nil, map[string]any{"sid": "of" + pid, "pid": pid, "rooms": []any{"of" + pid, "r"}, "data": data})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.client.Set(t.Context(), "sio:session:"+pid, base64.StdEncoding.EncodeToString(b), time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
}

// TestRecoveryOfForeignSessions: those of Node.js servers, which do not say whose they are and have no bound.
func TestRecoveryOfForeignSessions(t *testing.T) {
	t.Parallel()
	seen := &outcomes{}
	opts := session.Options{Observe: seen.observe, OwnerOf: func(data any) (string, bool) {
		owner, known := data.(map[string]any)["owner"].(string)
		return owner, known
	}}
	n := startNode(t, streamsAddr(redistest.Start(t, redistest.Options{}).Addr), settings{recovery: &opts})
	offset := regular(t, n).offset
	for _, test := range []struct {
		pid     string
		data    map[string]any
		outcome string
	}{
		{"hers", map[string]any{"owner": "ada"}, session.Resumed},
		{"eves", map[string]any{"owner": "eve"}, session.WrongOwner},
		{"anybodys", map[string]any{"name": "x"}, session.Resumed},
		{"large", map[string]any{"name": strings.Repeat("x", 70_000)}, session.Malformed},
	} {
		foreign(t, n, test.pid, test.data)
		before := seen.of(test.outcome)
		v := visit(t, n, (&visitor{pid: test.pid, offset: offset}).back())
		if seen.of(test.outcome) != before+1 || v.recovered != (test.outcome == session.Resumed) {
			t.Errorf("%s: %v", test.pid, seen.count)
		}
		if rooms := adapter.OwnRooms(v.socket()); v.recovered && (len(rooms) != 1 || rooms[0] != "r") {
			t.Errorf("%s: its own rooms are %v", test.pid, rooms)
		}
	}
}

// TestRecoveryOwnRooms: which rooms a client has joined by itself is not forgotten.
func TestRecoveryOwnRooms(t *testing.T) {
	t.Parallel()
	eachRecovery(t, session.Options{}, func(t *testing.T, a, b *node, _ *outcomes) {
		ada := visit(t, a, `"user":"ada"`)
		s := ada.socket()
		s.Join("program's", "hers", "left", "joined")
		adapter.MarkOwn(s, "hers")
		adapter.MarkOwn(s, "left")
		s.Leave("left")
		_ = a.To("joined").Emit("x", 1)
		ada.hears(`["x",1]`)
		ada.breaks()
		again := ada.returns(b)
		if rooms := adapter.OwnRooms(again.socket()); len(rooms) != 1 || rooms[0] != "hers" {
			t.Errorf("her own rooms are %v", rooms)
		}
	})
}

// TestRecoveryOnNewNode: a node that has just started knows what its clients have missed before.
func TestRecoveryOnNewNode(t *testing.T) {
	t.Parallel()
	addr := streamsAddr(redistest.Start(t, redistest.Options{}).Addr)
	s := settings{recovery: &session.Options{}}
	a := startNode(t, addr, s)
	ada := regular(t, a)
	ada.breaks()
	for i := range 250 { // more than one read takes
		_ = a.To("joined").Emit("x", i)
	}
	received(t, a)
	b := startNode(t, addr, s)
	if err := a.client.XTrimMaxLen(t.Context(), "socket.io", 2).Err(); err != nil {
		t.Fatal(err)
	}
	again := ada.returns(b)
	for _, want := range numbered(0, 249) {
		again.hears(want[1:])
	}
}

// TestRecoveryOfWhatRedisLost: when Redis comes back with an older state, what it has lost and the nodes have read
// is not lost to clients that return.
func TestRecoveryOfWhatRedisLost(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	s := settings{recovery: &session.Options{}}
	var g gate
	a := startNode(t, streamsAddr(server.Addr), s)
	s.client = g.called("b")
	b := startNode(t, streamsAddr(server.Addr), s)
	ada := regular(t, a)
	_ = a.To("joined").Emit("x", 1)
	ada.hears(`["x",1]`)
	ada.breaks()
	_ = a.To("joined").Emit("x", 2)
	received(t, a, b)
	g.shut.Store(true)
	cutOff(t, a.client, b, "b")
	entries, err := a.client.XRange(t.Context(), "socket.io", "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries[1:] {
		a.client.XDel(t.Context(), "socket.io", e.ID)
	}
	if err := a.client.Do(t.Context(), "XSETID", "socket.io", entries[0].ID).Err(); err != nil {
		t.Fatal(err)
	}
	g.shut.Store(false)
	b.awaitHealth()
	_ = b.To("joined").Emit("x", 3)
	ada.returns(b).hears(`["x",2]`, `["x",3]`)
}

// TestStreamGapBehindHandler: a node that did not know that it was behind notices what was trimmed.
func TestStreamGapBehindHandler(t *testing.T) {
	t.Parallel()
	addr := streamsAddr(redistest.Start(t, redistest.Options{}).Addr)
	a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
	there := join(t, b)
	arrived, release := make(chan struct{}), make(chan struct{})
	there.socket().OnAnyOutgoing(func(args ...any) {
		if args[0] == "block" {
			close(arrived)
			<-release
		}
	})
	a.Emit("x", 0)
	eventually(t, "the first comes", func() bool { return b.redis.Stats().Received == 1 })
	a.Emit("block")
	receive(t, "the handler", arrived)
	for i := range 300 {
		a.Emit("x", i)
	}
	if err := receive(t, "the outcome", publishPacket(t, a, "x", 300)); err != nil {
		t.Fatal(err)
	}
	if err := a.client.XTrimMaxLen(t.Context(), "socket.io", 150).Err(); err != nil {
		t.Fatal(err)
	}
	close(release)
	a.Emit("end")
	there.until("end")
	if n := b.redis.Stats().Gaps; n != 1 {
		t.Errorf("%d gaps, want 1", n)
	}
}

// TestRecoveryAndSocketIO2: clients of version 2 get events as they were sent, the others with the offset.
func TestRecoveryAndSocketIO2(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"streams", "memory"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := settings{recovery: &session.Options{}, old: true}
			var n *node
			if mode == "streams" {
				n = startNode(t, streamsAddr(redistest.Start(t, redistest.Options{}).Addr), s)
			} else {
				n = &node{t: t, open: make(map[string]chan struct{})}
				n.serveAlone(*s.recovery, s)
			}
			connected := make(chan *socket.Socket, 2)
			n.on(n.On("connection", func(args ...any) { connected <- args[0].(*socket.Socket) }))
			ada := visit(t, n, `"user":"ada"`)
			receive(t, "ada", connected)
			ws, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(n.http.URL, "http")+"/socket.io/?EIO=3&transport=websocket", http.Header{})
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			t.Cleanup(func() { _ = ws.Close() })
			receive(t, "the old client", connected)
			n.Emit("x", 1)
			ada.hears(`["x",1]`)
			if ada.offset == "" {
				t.Error("the new client gets no offset")
			}
			_ = ws.SetReadDeadline(time.Now().Add(patience))
			for {
				_, frame, err := ws.ReadMessage()
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(string(frame), "42") {
					if string(frame) != `42["x",1]` {
						t.Errorf("the old client gets %s", frame)
					}
					break
				}
			}
		})
	}
}

// startRecovering runs a node with streams and recovery on a Redis of any kind.
func startRecovering(t *testing.T, client redis.UniversalClient, seen *outcomes) *node {
	t.Helper()
	s := settings{recovery: &session.Options{Observe: seen.observe}}
	n := &node{t: t, open: make(map[string]chan struct{}), redis: newStreams(client, s.clusterOptions, s.recovery)}
	n.run(client, s)
	return n
}

// persistent publishes to a room until Redis accepts it.
func persistent(t *testing.T, n *node, room string, data ...any) {
	t.Helper()
	eventually(t, "Redis accepts a message", func() bool {
		err := receive(t, "the outcome", publishPacketTo(t, n, room, data...))
		if err != nil && !errors.Is(err, adapter.ErrUnavailable) {
			t.Fatal(err)
		}
		return err == nil
	})
}

// TestRecoveryAcrossFailover: with Sentinels and with a Redis Cluster the session and what was missed outlive the
// master, as far as its replica had it.
func TestRecoveryAcrossFailover(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		start func(t *testing.T) (connect func() redis.UniversalClient, fail func(pid string))
	}{
		{"sentinel", func(t *testing.T) (func() redis.UniversalClient, func(string)) {
			s := redistest.StartSentinels(t, "")
			return func() redis.UniversalClient {
				return redis.NewFailoverClient(&redis.FailoverOptions{MasterName: redistest.MasterName, SentinelAddrs: s.Addrs, ContextTimeoutEnabled: true, MaxRetries: -1})
			}, func(string) { s.FailOver() }
		}},
		{"cluster, the master of the stream", func(t *testing.T) (func() redis.UniversalClient, func(string)) {
			c := startRedisCluster(t)
			return func() redis.UniversalClient { return c.client() }, func(string) { c.failOver("socket.io") }
		}},
		{"cluster, the master of the session", func(t *testing.T) (func() redis.UniversalClient, func(string)) {
			c := startRedisCluster(t)
			return func() redis.UniversalClient { return c.client() }, func(pid string) { c.failOver("sio:session:" + pid) }
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			connect, fail := test.start(t)
			seen := &outcomes{}
			a, b := startRecovering(t, connect(), seen), startRecovering(t, connect(), seen)
			admin := connect()
			t.Cleanup(func() { _ = admin.Close() })
			ada, bob := visit(t, a, `"user":"ada"`), visit(t, b, `"user":"bob"`)
			ada.socket().Join("r")
			bob.socket().Join("r")
			persistent(t, a, "r", "x", 1)
			ada.hears(`["x",1]`)
			bob.hears(`["x",1]`)
			eventually(t, "the session is stored", func() bool {
				text, _ := admin.Get(t.Context(), "sio:session:"+ada.pid).Result()
				packed, _ := base64.StdEncoding.DecodeString(text)
				return strings.Contains(string(packed), "\xa1r")
			})
			ada.breaks()
			persistent(t, a, "r", "x", 2)
			bob.hears(`["x",2]`)
			fail(ada.pid)
			a.awaitHealth()
			b.awaitHealth()
			persistent(t, a, "r", "x", 3)
			bob.hears(`["x",3]`)
			again := visitOnceThere(t, b, ada)
			if !again.recovered {
				t.Fatalf("not recovered: %v", seen.count)
			}
			again.offset = ada.offset
			again.hears(`["x",2]`, `["x",3]`)
			persistent(t, b, "r", "x", 4)
			again.hears(`["x",4]`)
			bob.hears(`["x",4]`)
		})
	}
}

// visitOnceThere has a client come back again and again until Redis says something of its session.
func visitOnceThere(t *testing.T, n *node, v *visitor) *visitor {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if again, reply := knock(t, n, v.back()); reply != "" {
			again.id, again.pid = v.id, v.pid
			again.recovered = strings.Contains(reply, v.pid)
			return again
		}
	}
	t.Fatal("sent away for good")
	return nil
}

// TestRecoveryOfMuch: what was missed is not sent faster than the client takes it, binary events neither.
func TestRecoveryOfMuch(t *testing.T) {
	t.Parallel()
	eachRecovery(t, session.Options{}, func(t *testing.T, a, b *node, _ *outcomes) {
		const events, size = 150, 50_000
		ada := regular(t, a)
		ada.breaks()
		for i := range events {
			_ = a.To("joined").Emit("x", []byte(strings.Repeat(string(rune('a'+i%26)), size)))
		}
		received(t, a, b)
		again := ada.returns(b)
		for i := range events {
			if packet := again.next(); !strings.HasPrefix(packet, `51-["x",{"_placeholder":true,"num":0},"`) {
				t.Fatalf("got %.80q as event %d", packet, i)
			}
			if packet := again.next(); len(packet) != len("binary ")+2*size {
				t.Fatalf("got %d characters with event %d", len(packet), i)
			}
		}
	})
}

// crowd holds up those who look for a session until it is let go, and counts the most at a time.
type crowd struct {
	now, most atomic.Int64
	let       chan struct{}
}

func (*crowd) DialHook(next redis.DialHook) redis.DialHook { return next }
func (*crowd) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (c *crowd) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() != "get" {
			return next(ctx, cmd)
		}
		n := c.now.Add(1)
		defer c.now.Add(-1)
		for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
		}
		select {
		case <-c.let:
		case <-ctx.Done():
		}
		return next(ctx, cmd)
	}
}

// TestRecoveryOfCrowd: of many clients that come back at once, so many have their sessions looked for at a time, and
// all get them.
func TestRecoveryOfCrowd(t *testing.T) {
	t.Parallel()
	addr := streamsAddr(redistest.Start(t, redistest.Options{}).Addr)
	s := settings{recovery: &session.Options{}}
	a, b := startNode(t, addr, s), startNode(t, addr, s)
	visitors := make([]*visitor, 100)
	for i := range visitors {
		visitors[i] = visit(t, a, `"user":"ada"`)
	}
	for _, v := range visitors {
		v.breaks()
	}
	for _, v := range visitors {
		eventually(t, "the session is stored", func() bool { return stored(t, a, v.pid, "ada") })
	}
	c := &crowd{let: make(chan struct{})}
	b.client.AddHook(c)
	back := make([]*visitor, len(visitors))
	for i, v := range visitors {
		back[i] = approach(t, b, v.back())
	}
	eventually(t, "as many look as may", func() bool { return c.now.Load() >= 64 })
	visit(t, b, `"user":"bob"`) // all are there by now
	close(c.let)
	for i, v := range visitors {
		if reply := back[i].next(); !strings.Contains(reply, v.pid) {
			t.Fatalf("client %d: got %q", i, reply)
		}
	}
	if most := c.most.Load(); most != 64 {
		t.Errorf("%d at a time, want 64", most)
	}
}

// TestRecoveryAbandoned: a client whose connection closes while it is being connected, and which the library forgets
// then, has its session back all the same.
func TestRecoveryAbandoned(t *testing.T) {
	t.Parallel()
	eachRecovery(t, session.Options{}, func(t *testing.T, a, b *node, seen *outcomes) {
		ada := regular(t, a)
		ada.breaks()
		_ = a.To("joined").Emit("x", 1)
		var once sync.Once
		a.on(b.Sockets().Adapter().On("join-room", func(args ...any) {
			if args[1] != ada.id {
				return
			}
			once.Do(func() {
				s, _ := b.Sockets().Sockets().Load(ada.id)
				closed := make(chan struct{})
				_ = s.Conn().On("close", func(...any) { close(closed) }) // behind the library's own
				s.Conn().Close(true)
				receive(t, "the end of the connection", closed)
			})
		}))
		if _, reply := knock(t, b, ada.back()); reply != "" {
			t.Fatalf("got %q", reply)
		}
		again := visitOnceThere(t, b, ada)
		if !again.recovered {
			t.Fatalf("not recovered: %v", seen.count)
		}
		again.hears(`["x",1]`)
	})
}
