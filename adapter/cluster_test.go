package adapter_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"chorus/adapter"
	"chorus/adapter/internal/trial"
	"chorus/adapter/wire"
	"chorus/internal/redistest"

	"github.com/alicebob/miniredis/v2"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// eachRedis runs a test with a real Redis and with one in this process, with streams, and with
// each mode of the sharded adapter.
func eachRedis(t *testing.T, test func(t *testing.T, addr string)) {
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, redistest.Start(t, redistest.Options{}).Addr)
	})
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		test(t, miniredis.RunT(t).Addr())
	})
	t.Run("streams", func(t *testing.T) {
		t.Parallel()
		test(t, streamsAddr(redistest.Start(t, redistest.Options{}).Addr))
	})
	t.Run("trial", func(t *testing.T) {
		t.Parallel()
		h, err := trial.NewHub()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.End)
		test(t, trialMode+"@"+h.Addr().String())
	})
	for _, mode := range []wire.SubscriptionMode{wire.Static, wire.Dynamic, wire.DynamicPrivate} {
		t.Run("sharded, "+string(mode), func(t *testing.T) {
			t.Parallel()
			test(t, shardedAddr(redistest.Start(t, redistest.Options{}).Addr, mode))
		})
	}
}

// emission is a case of TestBroadcasts: what is emitted on the first node, and which clients get it.
type emission struct {
	name string
	emit func(from *node) error
	want []string
}

// to emits the event "x" with an argument.
func to(operator func(*node) *socket.BroadcastOperator) func(*node) error {
	return func(from *node) error { return operator(from).Emit("x", 1) }
}

func TestBroadcasts(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, addr string) {
		a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
		c := startNode(t, addr, settings{stock: true})
		stranger := startNode(t, addr, settings{clusterOptions: clusterOptions{Prefix: "other"}})
		const odd = socket.Room("räume#🙂/*?[1]#")
		clients := map[string]*client{
			"a1": join(t, a, "r1", "7"),
			"a2": join(t, a, "r2"),
			"b1": join(t, b, "r1", "7", odd),
			"b2": join(t, b, "r1", "r2"),
			"c1": join(t, c, odd, "r2"),
			"c2": join(t, c),
			"s1": join(t, stranger, "r1", "r2", "7", odd),
		}
		ids := make(map[string]socket.Room)
		for name, client := range clients {
			ids[name] = socket.Room(client.id)
		}
		all := []string{"a1", "a2", "b1", "b2", "c1", "c2"}
		for _, test := range []emission{
			{"all", func(n *node) error { n.Emit("x", 1); return nil }, all},
			{"one room", to(func(n *node) *socket.BroadcastOperator { return n.To("r1") }), []string{"a1", "b1", "b2"}},
			{"two rooms, each client once", to(func(n *node) *socket.BroadcastOperator { return n.To("r1", "r2") }),
				[]string{"a1", "a2", "b1", "b2", "c1"}},
			{"a room nobody here is in", to(func(n *node) *socket.BroadcastOperator { return n.To(odd) }), []string{"b1", "c1"}},
			{"nobody at all", to(func(n *node) *socket.BroadcastOperator { return n.To("nowhere") }), nil},
			{"nobody in two rooms", to(func(n *node) *socket.BroadcastOperator { return n.To("nowhere", "neither") }), nil},
			{"all but a room", to(func(n *node) *socket.BroadcastOperator { return n.Except("r1") }), []string{"a2", "c1", "c2"}},
			{"a room but a room", to(func(n *node) *socket.BroadcastOperator { return n.To("r1").Except("r2") }), []string{"a1", "b1"}},
			{"all but two sockets", to(func(n *node) *socket.BroadcastOperator { return n.Except(ids["a1"], ids["c2"]) }),
				[]string{"a2", "b1", "b2", "c1"}},
			{"own socket", to(func(n *node) *socket.BroadcastOperator { return n.To(ids["a1"]) }), []string{"a1"}},
			{"remote socket", to(func(n *node) *socket.BroadcastOperator { return n.To(ids["c2"]) }), []string{"c2"}},
			{"a room that looks like a number", to(func(n *node) *socket.BroadcastOperator { return n.To("7") }), []string{"a1", "b1"}},
			{"local", to(func(n *node) *socket.BroadcastOperator { return n.Local() }), []string{"a1", "a2"}},
			{"local room", to(func(n *node) *socket.BroadcastOperator { return n.To("r1").Local() }), []string{"a1"}},
			{"without compression", to(func(n *node) *socket.BroadcastOperator { return n.Compress(false) }), all},
			{"from a socket to the others", func(*node) error { return clients["a1"].socket().Broadcast().Emit("x", 1) },
				[]string{"a2", "b1", "b2", "c1", "c2"}},
			{"from a socket to a room", func(*node) error { return clients["a1"].socket().To("r1").Emit("x", 1) },
				[]string{"b1", "b2"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				if err := test.emit(a); err != nil {
					t.Fatal(err)
				}
				a.Emit("end")
				stranger.Emit("end")
				for name, client := range clients {
					got := client.until("end")
					var want []string
					if slices.Contains(test.want, name) {
						want = []string{`2["x",1]`}
					}
					if !slices.Equal(got, want) {
						t.Errorf("%s got %q, want %q", name, got, want)
					}
				}
			})
		}
	})
}

// TestEveryNodeSendsAndHears: several senders at a time, each one's order is kept.
func TestEveryNodeSendsAndHears(t *testing.T) {
	t.Parallel()
	addr := miniredis.RunT(t).Addr()
	nodes := []*node{startNode(t, addr, settings{}), startNode(t, addr, settings{}), startNode(t, addr, settings{})}
	var clients []*client
	for _, n := range nodes {
		clients = append(clients, join(t, n))
	}
	const each = 100
	for from, n := range nodes {
		go func() { // ends after its last message
			for i := range each {
				n.Emit("x", from, i)
			}
		}()
	}
	for at, c := range clients {
		last := []float64{-1, -1, -1}
		for range each * len(nodes) {
			var event []any
			if err := json.Unmarshal([]byte(c.next()[1:]), &event); err != nil {
				t.Fatal(err)
			}
			from, i := int(event[1].(float64)), event[2].(float64)
			if i != last[from]+1 {
				t.Fatalf("client %d got message %v of node %d after %v", at, i, from, last[from])
			}
			last[from] = i
		}
	}
}

// TestValuesBetweenNodes: a client behind another node gets byte for byte what one of this node gets.
func TestValuesBetweenNodes(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, addr string) {
		a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
		here, there := join(t, a), join(t, b)
		for _, test := range []struct {
			name string
			args []any
			want []string
		}{
			{"no argument", nil, []string{`2["x"]`}},
			{"plain", []any{nil, true, "é🙂", 1.5, -7}, []string{`2["x",null,true,"é🙂",1.5,-7]`}},
			{"whole float", []any{2.0}, []string{`2["x",2]`}},
			{"large integers", []any{int64(math.MinInt64), uint64(math.MaxUint64), int64(1<<53 + 1)},
				[]string{`2["x",-9223372036854775808,18446744073709551615,9007199254740993]`}},
			{"number as text", []any{json.Number("12345678901234567890")}, []string{`2["x",12345678901234567890]`}},
			{"nested", []any{map[string]any{"k": []any{map[string]any{}, []any{}}}}, []string{`2["x",{"k":[{},[]]}]`}},
			{"struct", []any{struct {
				N int `json:"n"`
			}{7}}, []string{`2["x",{"n":7}]`}},
			{"binary", []any{[]byte{0, 1, 255}}, []string{`51-["x",{"_placeholder":true,"num":0}]`, "binary 0001ff"}},
			{"empty binary", []any{[]byte{}}, []string{`51-["x",{"_placeholder":true,"num":0}]`, "binary "}},
			{"nested binary", []any{map[string]any{"k": []any{[]byte{1}, "t"}}, []byte{2}},
				[]string{`52-["x",{"k":[{"_placeholder":true,"num":0},"t"]},{"_placeholder":true,"num":1}]`, "binary 01", "binary 02"}},
			{"binary from a reader", []any{types.NewBytesBuffer([]byte{3})},
				[]string{`51-["x",{"_placeholder":true,"num":0}]`, "binary 03"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				a.Emit("x", test.args...)
				a.Emit("end")
				for name, c := range map[string]*client{"here": here, "there": there} {
					if got := c.until("end"); !slices.Equal(got, test.want) {
						t.Errorf("%s: got %q, want %q", name, got, test.want)
					}
				}
			})
		}
		t.Run("what cannot be sent reaches nobody", func(_ *testing.T) {
			a.Emit("x", func() {})
			a.Emit("end")
			here.want()
			there.want()
		})
	})
}

// TestVolatile: a volatile message may be lost, so it is repeated until everybody has got one.
func TestVolatile(t *testing.T) {
	t.Parallel()
	addr := miniredis.RunT(t).Addr()
	a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
	here, there := join(t, a), join(t, b)
	for _, c := range []*client{here, there} {
		eventually(t, "a volatile message", func() bool {
			if err := a.Volatile().Emit("x"); err != nil {
				t.Fatal(err)
			}
			select {
			case packet := <-c.frames:
				return packet == `2["x"]`
			case <-time.After(10 * time.Millisecond): // before the next attempt
				return false
			}
		})
	}
}

func TestNamespaces(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, addr string) {
		a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
		chatA := a.namespace("/chat")
		b.namespace("/chat")
		star := a.namespace("/cha*") // as a pattern it would match the other one
		b.namespace("/cha*")
		main, chat, other := join(t, b, "r"), joinNamespace(t, b, "/chat", "r"), joinNamespace(t, b, "/cha*", "r")

		if err := chatA.Emit("x", "chat"); err != nil {
			t.Fatal(err)
		}
		if err := chatA.To("r").Emit("x", "chat room"); err != nil {
			t.Fatal(err)
		}
		if err := star.To("r").Emit("x", "star room"); err != nil {
			t.Fatal(err)
		}
		if err := a.To("r").Emit("x", "main room"); err != nil {
			t.Fatal(err)
		}
		a.Emit("end")
		_ = chatA.Emit("end")
		_ = star.Emit("end")
		main.want(`2["x","main room"]`)
		chat.want(`2/chat,["x","chat"]`, `2/chat,["x","chat room"]`)
		other.want(`2/cha*,["x","star room"]`)

		chat.answers(`["from chat"]`)
		ack, answers := acks()
		if err := chatA.Timeout(patience).Emit("ask", ack); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, "the acknowledgement", answers); got.err != nil || !reflect.DeepEqual(got.values, []any{"from chat"}) {
			t.Errorf("got %+v", got)
		}
		if got := fetch(t, chatA.In("r")); got.err != nil || len(got.sockets) != 1 || got.sockets[0].Id() != chat.id {
			t.Errorf("fetched %+v", got)
		}
		if n := b.redis.Stats().Malformed; n != 0 {
			t.Errorf("%d malformed messages", n)
		}
	})
}

func TestBroadcastWithAck(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, addr string) {
		a, b, c := startNode(t, addr, settings{}), startNode(t, addr, settings{}), startNode(t, addr, settings{})
		clients := []*client{
			join(t, a, "r1").answers(`["a"]`), join(t, b, "r1", "r2").answers(`[{"who":"b"},"more"]`),
			join(t, c, "r2").answers(`[[1,2]]`), join(t, c, "r3").answers(`[]`),
		}
		silent := join(t, b, "silent", "r4")
		join(t, c, "r4").answers(`["c"]`)
		_ = clients
		for _, test := range []struct {
			name    string
			emit    *socket.BroadcastOperator
			timeout time.Duration
			want    []string // as JSON, in any order
			late    bool
		}{
			{"all but one answer", a.Except("r4"), patience, []string{`"a"`, `[1,2]`, `null`, `{"who":"b"}`}, false},
			{"one room", a.To("r1"), patience, []string{`"a"`, `{"who":"b"}`}, false},
			{"two rooms", a.To("r1", "r2"), patience, []string{`"a"`, `[1,2]`, `{"who":"b"}`}, false},
			{"only others", a.To("r2"), patience, []string{`[1,2]`, `{"who":"b"}`}, false},
			{"only here", a.To("r1").Except("r2"), patience, []string{`"a"`}, false},
			{"an empty answer", a.To("r3"), patience, []string{`null`}, false},
			{"nobody", a.To("nowhere"), patience, nil, false},
			{"local", a.Local().Except("r4"), patience, []string{`"a"`}, true}, // the library waits for the other servers all the same
			{"one never answers", a.To("silent"), short, nil, true},
			{"one of two answers", a.To("r4"), short, []string{`"c"`}, true},
		} {
			t.Run(test.name, func(t *testing.T) {
				ack, answers := acks()
				timeout := test.timeout
				if test.late {
					timeout = short
				}
				if err := test.emit.Timeout(timeout).Emit("ask", "?", ack); err != nil {
					t.Fatal(err)
				}
				got := receive(t, "the acknowledgement", answers)
				if (got.err != nil) != test.late {
					t.Errorf("the error is %v", got.err)
				}
				var values []string
				for _, value := range got.values {
					text, err := json.Marshal(value)
					if err != nil {
						t.Fatal(err)
					}
					values = append(values, string(text))
				}
				slices.Sort(values)
				if !slices.Equal(values, test.want) {
					t.Errorf("the answers are %q, want %q", values, test.want)
				}
				if len(answers) > 0 {
					t.Error("the callback came twice")
				}
			})
		}
		t.Run("what nobody answered is forgotten", func(t *testing.T) {
			eventually(t, "the callbacks on the silent socket are gone", func() bool {
				n := 0
				silent.socket().Acks().Range(func(uint64, socket.Ack) bool { n++; return true })
				return n == 0
			})
		})
		t.Run("binary both ways", func(t *testing.T) {
			ack, answers := acks()
			clients[1].answers(`["got it"]`)
			if err := a.To("r2").Except("r3", socket.Room(clients[2].id)).Timeout(patience).Emit("ask", []byte{1}, ack); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, "the acknowledgement", answers); got.err != nil || !reflect.DeepEqual(got.values, []any{"got it"}) {
				t.Errorf("got %+v", got)
			}
		})
		t.Run("a remote socket alone", func(t *testing.T) {
			remote := fetch(t, a.In(socket.Room(clients[2].id)))
			if remote.err != nil || len(remote.sockets) != 1 {
				t.Fatalf("fetched %+v", remote)
			}
			ack, answers := acks()
			if err := remote.sockets[0].Timeout(patience).Emit("ask", ack); err != nil {
				t.Fatal(err)
			}
			// As with an own socket, the callback gets the client's list of arguments.
			got := receive(t, "the acknowledgement", answers)
			if text, _ := json.Marshal(got.values); got.err != nil || string(text) != `[[1,2]]` {
				t.Errorf("got %s, %v", text, got.err)
			}
		})
	})
}

func TestFetchSockets(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, addr string) {
		a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
		here, there, odd := join(t, a, "r1"), join(t, b, "r1", "r#2"), join(t, b)
		there.socket().SetData(map[string]any{"user": "u", "n": 7})
		odd.socket().SetData(map[string]any{"f": func() {}}) // JSON cannot say this
		ids := func(f fetched) (ids []socket.SocketId) {
			for _, s := range f.sockets {
				ids = append(ids, s.Id())
			}
			slices.Sort(ids)
			return ids
		}
		for _, test := range []struct {
			name string
			of   *socket.BroadcastOperator
			want []*client
		}{
			{"all", a.To(), []*client{here, there, odd}},
			{"a room", a.In("r1"), []*client{here, there}},
			{"a room of another node", a.In("r#2"), []*client{there}},
			{"all but a room", a.Except("r1"), []*client{odd}},
			{"local", a.Local(), []*client{here}},
			{"nobody", a.In("nowhere"), nil},
		} {
			t.Run(test.name, func(t *testing.T) {
				got := fetch(t, test.of)
				var want []socket.SocketId
				for _, c := range test.want {
					want = append(want, c.id)
				}
				slices.Sort(want)
				if got.err != nil || !slices.Equal(ids(got), want) {
					t.Errorf("fetched %v (%v), want %v", ids(got), got.err, want)
				}
			})
		}
		t.Run("what is known of a remote socket", func(t *testing.T) {
			got := fetch(t, a.In("r#2"))
			if got.err != nil || len(got.sockets) != 1 {
				t.Fatalf("fetched %+v", got)
			}
			s, local := got.sockets[0], there.socket()
			if rooms := s.Rooms(); rooms.Len() != 3 || !rooms.Has("r1") || !rooms.Has("r#2") || !rooms.Has(socket.Room(there.id)) {
				t.Errorf("the rooms are %v", rooms.Keys())
			}
			if !reflect.DeepEqual(s.Data(), map[string]any{"user": "u", "n": 7.0}) {
				t.Errorf("the data is %v", s.Data())
			}
			h, want := s.Handshake(), local.Handshake()
			if h.Url != want.Url || h.Address != want.Address || h.Issued != want.Issued || h.Time != want.Time ||
				!reflect.DeepEqual(h.Auth, map[string]any{"who": "test"}) {
				t.Errorf("the handshake is %+v, want %+v", h, want)
			}
			if h.Headers["x-test"] != "yes" || h.Query["EIO"] != "4" || h.Query["a"] != "2" {
				t.Errorf("headers %v, query %v: not as Node.js has them", h.Headers, h.Query)
			}
		})
		t.Run("data that JSON cannot say costs nothing else", func(t *testing.T) {
			got := fetch(t, a.In(socket.Room(odd.id)))
			if got.err != nil || len(got.sockets) != 1 || !reflect.DeepEqual(got.sockets[0].Data(), map[string]any{}) {
				t.Errorf("fetched %+v", got)
			}
		})
		t.Run("a remote socket can be acted on", func(t *testing.T) {
			s := fetch(t, a.In("r#2")).sockets[0]
			s.Join("joined")
			eventually(t, "it joins", func() bool { return there.socket().Rooms().Has("joined") })
			s.Leave("joined")
			eventually(t, "it leaves", func() bool { return !there.socket().Rooms().Has("joined") })
			if err := s.Emit("x"); err != nil {
				t.Fatal(err)
			}
			if got := there.next(); got != `2["x"]` {
				t.Errorf("got %q", got)
			}
			s.Disconnect(true)
			there.ended()
		})
	})
}

// TestServerThatDoesNotAnswer: somebody listens for requests, so it counts, and says nothing.
func TestServerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.Options{}).Addr
	quick := settings{clusterOptions: clusterOptions{RequestTimeout: short}}
	a, b := startNode(t, addr, quick), startNode(t, addr, quick)
	c := join(t, b).answers(`["b"]`)
	mute := b.client.Subscribe(t.Context(), "socket.io-request#/#")
	defer func() { _ = mute.Close() }()
	if _, err := mute.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := a.Sockets().Adapter().ServerCount(); n != 3 {
		t.Fatalf("there are %d servers", n)
	}
	if err := b.Sockets().On("q", func(args ...any) { args[0].(socket.Ack)([]any{"b"}, nil) }); err != nil {
		t.Fatal(err)
	}

	t.Run("FetchSockets", func(t *testing.T) {
		got := fetch(t, a.To())
		if !errors.Is(got.err, adapter.ErrRequestTimeout) || len(got.sockets) != 1 || got.sockets[0].Id() != c.id {
			t.Errorf("fetched %+v", got)
		}
	})
	t.Run("FetchSockets with its own timeout", func(t *testing.T) {
		if got := fetch(t, a.Timeout(short/3)); !errors.Is(got.err, adapter.ErrRequestTimeout) {
			t.Errorf("fetched %+v", got)
		}
	})
	t.Run("ServerSideEmit", func(t *testing.T) {
		ack, answers := acks()
		if err := a.ServerSideEmit("q", ack); err != nil {
			t.Fatal(err)
		}
		got := receive(t, "the acknowledgement", answers)
		if !errors.Is(got.err, adapter.ErrRequestTimeout) || !reflect.DeepEqual(got.values, []any{"b"}) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("broadcast with acknowledgement", func(t *testing.T) {
		ack, answers := acks()
		if err := a.Timeout(short).Emit("ask", ack); err != nil {
			t.Fatal(err)
		}
		got := receive(t, "the acknowledgement", answers)
		if got.err == nil || !reflect.DeepEqual(got.values, []any{"b"}) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestSocketsOfTheCluster(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, addr string) {
		a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
		here, there, third := join(t, a, "r1"), join(t, b, "r1"), join(t, b, "r2")
		in := func(c *client, room socket.Room) bool { return c.socket().Rooms().Has(room) }

		a.In("r1").SocketsJoin("j1", "j#2")
		if !in(here, "j1") || !in(here, "j#2") {
			t.Error("the own socket has not joined on return")
		}
		eventually(t, "the remote socket joins", func() bool { return in(there, "j1") && in(there, "j#2") })
		a.To("j1").Except("r2").SocketsLeave("j1", "nowhere")
		if in(here, "j1") {
			t.Error("the own socket has not left on return")
		}
		eventually(t, "the remote socket leaves", func() bool { return !in(there, "j1") })
		if !in(there, "j#2") || in(third, "j1") || in(third, "j#2") {
			t.Error("rooms were touched that were not named")
		}

		a.Local().SocketsJoin("only here")
		a.SocketsJoin("everywhere")
		eventually(t, "all join", func() bool { return in(here, "everywhere") && in(there, "everywhere") && in(third, "everywhere") })
		if !in(here, "only here") || in(there, "only here") {
			t.Error("local means the sockets of this node")
		}

		// The library closes the connection of a client that comes back before it has done all to let it go.
		gone := make(map[*client]chan struct{})
		for _, c := range []*client{here, there} {
			ended := make(chan struct{})
			_ = c.socket().On("disconnect", func(...any) { close(ended) })
			gone[c] = ended
		}
		a.In("r1").DisconnectSockets(false)
		for _, c := range []*client{here, there} {
			if got := c.next(); got != "1" {
				t.Errorf("got %q, want a DISCONNECT", got)
			}
			receive(t, "the end of the socket", gone[c])
			c.send("0{}") // the connection stays
			if got := c.next(); len(got) == 0 || got[0] != '0' {
				t.Errorf("got %q, want a CONNECT", got)
			}
		}
		a.In("r2").DisconnectSockets(true)
		third.ended()
		eventually(t, "the room is gone", func() bool {
			_, ok := b.Sockets().Adapter().Rooms().Load("r2")
			return !ok
		})
	})
}

func TestServerSideEmit(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, addr string) {
		a, b, c := startNode(t, addr, settings{}), startNode(t, addr, settings{}), startNode(t, addr, settings{})
		heard := make(chan []any, 16)
		for _, n := range []*node{a, b, c} {
			if err := n.Sockets().On("plain", func(args ...any) { heard <- args }); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.ServerSideEmit("plain", "x", 1, map[string]any{"k": nil}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := receive(t, "the event", heard); !reflect.DeepEqual(got, []any{"x", 1.0, map[string]any{"k": nil}}) {
				t.Errorf("got %v", got)
			}
		}

		answer := func(n *node, value ...any) {
			if err := n.Sockets().On("ask", func(args ...any) {
				ack := args[len(args)-1].(socket.Ack)
				ack(value, nil)
				ack([]any{"a second answer"}, nil) // does not count
			}); err != nil {
				t.Fatal(err)
			}
		}
		answer(b, "b")
		answer(c)
		ack, answers := acks()
		if err := a.ServerSideEmit("ask", "?", ack); err != nil {
			t.Fatal(err)
		}
		got := receive(t, "the answers", answers)
		if got.err != nil || len(got.values) != 2 || !slices.Contains(got.values, any("b")) || !slices.Contains(got.values, nil) {
			t.Errorf("got %+v", got)
		}
		// By now the first event would have come back to its sender.
		if len(heard) > 0 {
			t.Error("the sender hears its own event, or somebody heard it twice")
		}

		if err := a.ServerSideEmit("connection", "forged"); err == nil {
			t.Error("a reserved name is accepted")
		}
		if err := a.ServerSideEmit("plain", func() {}); err == nil {
			t.Error("a function is accepted")
		}
	})
}

func TestServerCount(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, addr string) {
		a := startNode(t, addr, settings{})
		if n := a.Sockets().Adapter().ServerCount(); n != 1 {
			t.Errorf("one server counts %d", n)
		}
		if got := fetch(t, a.To()); got.err != nil || len(got.sockets) != 0 {
			t.Errorf("fetched %+v", got)
		}
		ack, answers := acks()
		if err := a.ServerSideEmit("ask", ack); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, "the answers", answers); got.err != nil || got.values == nil || len(got.values) != 0 {
			t.Errorf("without others, the answers are %+v", got)
		}
		b := startNode(t, addr, settings{})
		for _, n := range []*node{a, b} {
			if got := n.Sockets().Adapter().ServerCount(); got != 2 {
				t.Errorf("two servers count %d", got)
			}
		}
		if err := b.redis.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the one that is closed no longer counts", func() bool { return a.Sockets().Adapter().ServerCount() == 1 })
	})
}

// TestResponseChannels: an answer goes to all servers or to the asker alone, as the answering one
// is set; every server understands both.
func TestResponseChannels(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.Options{}).Addr
	shared := startNode(t, addr, settings{})
	own := startNode(t, addr, settings{own: true})
	join(t, shared, "shared").answers(`["shared"]`)
	join(t, own, "own").answers(`["own"]`)
	spy := shared.client.PSubscribe(t.Context(), "socket.io-response#/#*")
	defer func() { _ = spy.Close() }()
	if _, err := spy.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	answers := spy.Channel()
	for _, test := range []struct {
		name  string
		asker *node
		room  socket.Room
		alone bool
	}{
		{"to all", own, "shared", false},
		{"to the asker alone", shared, "own", true},
	} {
		check := func(t *testing.T, n int) {
			t.Helper()
			for range n {
				m := receive(t, "an answer", answers)
				if alone := m.Channel != "socket.io-response#/#"; alone != test.alone {
					t.Errorf("the answer is on %q", m.Channel)
				}
			}
		}
		t.Run(test.name, func(t *testing.T) {
			if got := fetch(t, test.asker.In(test.room)); got.err != nil || len(got.sockets) != 1 {
				t.Errorf("fetched %+v", got)
			}
			check(t, 1)
			ack, acknowledged := acks()
			if err := test.asker.To(test.room).Timeout(patience).Emit("ask", ack); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, "the acknowledgement", acknowledged); got.err != nil || !reflect.DeepEqual(got.values, []any{string(test.room)}) {
				t.Errorf("got %+v", got)
			}
			check(t, 2) // the count and the answer
		})
	}
}

// wrapper is an adapter around another one, as packages on top of this one make them.
type wrapper struct{ socket.Adapter }

func (w wrapper) Unwrap() socket.Adapter { return w.Adapter }

type wrapping struct{ inner socket.AdapterConstructor }

func (w wrapping) New(nsp socket.Namespace) socket.Adapter { return wrapper{wrapper{w.inner.New(nsp)}} }

func TestPublish(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.Options{}).Addr
	wrapped := settings{wrap: func(inner socket.AdapterConstructor) socket.AdapterConstructor { return wrapping{inner} }}
	a, b, lonely := startNode(t, addr, wrapped), startNode(t, addr, settings{}), startLonely(t)
	for name, n := range map[string]*node{"wrapped": a, "plain": b, "memory": lonely} {
		t.Run(name, func(t *testing.T) {
			publisher, ok := adapter.Of(n.Sockets())
			if !ok {
				t.Fatal("there is no Publisher")
			}
			here := join(t, n)
			var there *client
			if n != lonely {
				there = join(t, map[*node]*node{a: b, b: a}[n])
			}
			done := make(chan error, 2)
			publisher.Publish(&parser.Packet{Type: parser.EVENT, Data: []any{"x", 1}}, nil, func(err error) { done <- err })
			if err := receive(t, "the outcome", done); err != nil {
				t.Error(err)
			}
			publisher.Publish(&parser.Packet{Type: parser.EVENT, Data: []any{"local"}},
				&socket.BroadcastOptions{Flags: &socket.BroadcastFlags{Local: true}}, func(err error) { done <- err })
			if err := receive(t, "the outcome", done); err != nil {
				t.Error(err)
			}
			publisher.PublishLatest("cursor", &parser.Packet{Type: parser.EVENT, Data: []any{"cursor", 2}}, nil, func(err error) { done <- err })
			if err := receive(t, "the outcome", done); err != nil {
				t.Error(err)
			}
			n.Emit("end")
			here.want(`2["x",1]`, `2["local"]`, `2["cursor",2]`)
			if there != nil {
				there.want(`2["x",1]`, `2["cursor",2]`)
				publisher.Publish(&parser.Packet{Type: parser.EVENT, Data: []any{"x", func() {}}}, nil, func(err error) { done <- err })
				if err := receive(t, "the outcome", done); err == nil {
					t.Error("a function was published")
				}
			}
			if len(done) > 0 {
				t.Error("an outcome was told twice")
			}
		})
	}
	if _, ok := adapter.Of(socket.NewServer(nil, nil).Sockets()); ok {
		t.Error("the library's own adapter is a Publisher")
	}
}

// TestNamespaceThatCloses: its subscriptions end, those of the others stay.
func TestNamespaceThatCloses(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.Options{}).Addr
	a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
	chat := b.namespace("/chat")
	numbers := func(channel string) int64 {
		n, err := a.client.PubSubNumSub(t.Context(), channel).Result()
		if err != nil {
			t.Fatal(err)
		}
		return n[channel]
	}
	if n := numbers("socket.io-request#/chat#"); n != 1 {
		t.Errorf("%d servers have the namespace", n)
	}
	chat.Adapter().Close()
	eventually(t, "the subscription ends", func() bool { return numbers("socket.io-request#/chat#") == 0 })
	b.awaitHealth()
	c := join(t, b)
	a.Emit("end")
	c.want()
}
