package adapter_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/adapter/streams"
	"chorus/adapter/wire"
	"chorus/internal/redistest"

	"github.com/redis/go-redis/v9"
)

// numbered returns the packets of events "x" with the numbers from a to b.
func numbered(a, b int) []string {
	var packets []string
	for i := a; i <= b; i++ {
		packets = append(packets, fmt.Sprintf(`2["x",%d]`, i))
	}
	return packets
}

// TestStreamResumes: a node that loses Redis delivers what the others have sent meanwhile, in order and once.
func TestStreamResumes(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	addr := streamsAddr(server.Addr)
	var g gate
	log := &logbook{}
	a := startNode(t, addr, settings{})
	b := startNode(t, addr, settings{client: g.called("b"), clusterOptions: clusterOptions{Logger: slog.New(log)}})
	there := join(t, b, "r")
	a.Emit("x", 1)
	eventually(t, "the first comes", func() bool { return b.redis.Stats().Received == 1 })

	g.shut.Store(true)
	cutOff(t, a.client, b, "b")
	for i := 2; i <= 250; i++ { // more than one read takes
		_ = a.To("r").Emit("x", i)
	}
	if err := receive(t, "the outcome", publishPacket(t, a, "x", 251)); err != nil {
		t.Fatal(err)
	}
	a.In("r").SocketsJoin("late")
	g.shut.Store(false)
	b.awaitHealth()
	a.Emit("end")
	there.want(numbered(1, 251)...)
	eventually(t, "the room is joined", func() bool { return there.socket().Rooms().Has("late") })
	if n := b.redis.Stats().Gaps; n != 0 || log.count("lost to clients") != 0 {
		t.Errorf("%d gaps, logged: %q", n, log.records)
	}
}

// called gives the connections of a node a name, and cutOff ends them and returns when the node has noticed.
func (g *gate) called(name string) func(*redis.Options) {
	return func(opts *redis.Options) {
		opts.ClientName = name
		g.install(opts)
	}
}

func cutOff(t *testing.T, client *redis.Client, n *node, name string) {
	t.Helper()
	list, err := client.ClientList(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(list) {
		if id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " "); strings.Contains(line, " name="+name+" ") {
			_ = client.ClientKillByFilter(t.Context(), "ID", id) // it may have gone
		}
	}
	unhealthy(t, n)
}

// TestStreamGap: what the stream has not any more when a node comes back is a gap, which is reported.
func TestStreamGap(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		server func(*redistest.Server) // what happens to Redis
		lose   func(t *testing.T, client *redis.Client)
		gaps   uint64
		want   []string // between 1 and 12
	}{
		{"trimmed", nil, func(t *testing.T, client *redis.Client) {
			if err := client.XTrimMaxLen(t.Context(), "socket.io", 5).Err(); err != nil {
				t.Fatal(err)
			}
		}, 1, numbered(7, 11)},
		{"deleted and begun anew with older ids", nil, func(t *testing.T, client *redis.Client) {
			if err := client.Del(t.Context(), "socket.io").Err(); err != nil {
				t.Fatal(err)
			}
			add(t, client, "5-1", `{"packet":{"type":2,"data":["x",100]},"opts":{"rooms":[],"except":[],"flags":{}}}`)
		}, 1, []string{`2["x",100]`}},
		{"an older state of what was read", nil, func(t *testing.T, client *redis.Client) {
			entries, err := client.XRange(t.Context(), "socket.io", "-", "+").Result()
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries[1:] {
				client.XDel(t.Context(), "socket.io", e.ID)
			}
			if err := client.Do(t.Context(), "XSETID", "socket.io", entries[0].ID).Err(); err != nil {
				t.Fatal(err)
			}
		}, 0, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.Options{})
			addr := streamsAddr(server.Addr)
			var g gate
			a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{client: g.called("b")})
			there := join(t, b)
			a.Emit("x", 1)
			if test.gaps == 0 {
				a.Emit("x", 2)
				eventually(t, "both come", func() bool { return b.redis.Stats().Received == 2 })
			}
			eventually(t, "the first comes", func() bool { return b.redis.Stats().Received >= 1 })
			g.shut.Store(true)
			cutOff(t, a.client, b, "b")
			if test.gaps > 0 {
				for i := 2; i <= 11; i++ {
					a.Emit("x", i)
				}
				if err := receive(t, "the outcome", publishPacket(t, a, "never")); err != nil {
					t.Fatal(err)
				}
				entries, err := a.client.XRevRangeN(t.Context(), "socket.io", "+", "-", 1).Result()
				if err != nil {
					t.Fatal(err)
				}
				a.client.XDel(t.Context(), "socket.io", entries[0].ID)
			}
			test.lose(t, a.client)
			g.shut.Store(false)
			b.awaitHealth()
			add(t, a.client, "*", `{"packet":{"type":2,"data":["end"]},"opts":{"rooms":[],"except":[],"flags":{}}}`)
			want := append(numbered(1, 1), test.want...)
			if test.gaps == 0 {
				want = numbered(1, 2)
			}
			there.want(want...)
			if n := b.redis.Stats().Gaps; n != test.gaps {
				t.Errorf("%d gaps, want %d", n, test.gaps)
			}
		})
	}
}

// add puts an entry into the stream by hand.
func add(t *testing.T, client *redis.Client, id, data string) {
	t.Helper()
	err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: "socket.io", ID: id,
		Values: []string{"uid", "other", "nsp", "/", "type", "3", "data", data}}).Err()
	if err != nil {
		t.Fatal(err)
	}
}

// TestHostileEntries: whoever can write to Redis does not stop a node.
func TestHostileEntries(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.Options{}).Addr
	n := startNode(t, streamsAddr(addr), settings{})
	c := join(t, n)
	for _, fields := range [][]string{
		{"nothing", "of this"},
		{"nsp", "/"},
		{"nsp", "/", "type", "3"},
		{"nsp", "/", "type", "three", "data", "{}"},
		{"nsp", "/", "type", "3", "data", "{"},
		{"nsp", "/", "type", "3", "data", "%%%"},
		{"nsp", "/", "type", "3", "data", "gA=="},
		{"nsp", "/", "type", "3", "data", `{"packet":{"type":2,"data":[]},"opts":{"rooms":[],"except":[]}}`},
		{"nsp", "/", "type", "4", "data", `{"rooms":["all"]}`},
		{"nsp", "/", "type", "6", "data", `{"opts":null}`},
		{"nsp", "/", "type", "99", "data", `{}`},
	} {
		if err := n.client.XAdd(t.Context(), &redis.XAddArgs{Stream: "socket.io", Values: fields}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	add(t, n.client, "*", `{"packet":{"type":2,"data":["end"]},"opts":{"rooms":[],"except":[],"flags":{}}}`)
	c.want()
	if got := n.redis.Stats().Malformed; got != 10 { // the first is for no namespace
		t.Errorf("%d malformed", got)
	}
	if c.socket().Rooms().Len() != 1 {
		t.Error("the client has joined a room")
	}
}

// TestTotalOrder: with several nodes that send at the same time, all clients get one order, whatever
// carries the messages.
func TestTotalOrder(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"pubsub", streamsMode, string(wire.Static), string(wire.Dynamic)} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			addr := redistest.Start(t, redistest.Options{}).Addr
			if mode != "pubsub" {
				addr = mode + "@" + addr
			}
			s := settings{clusterOptions: clusterOptions{TotalOrder: true}}
			nodes := []*node{startNode(t, addr, s), startNode(t, addr, s), startNode(t, addr, s)}
			clients := make([]*client, 0, 2*len(nodes))
			for _, n := range nodes {
				clients = append(clients, join(t, n, "r"), join(t, n, "r"))
			}
			const each = 100
			var sending sync.WaitGroup
			for i, n := range nodes {
				sending.Go(func() {
					for j := range each {
						_ = n.To("r").Emit("x", i, j)
					}
				})
			}
			sending.Wait()
			gotten := make([][]string, len(clients))
			for i, c := range clients {
				for range each * len(nodes) {
					gotten[i] = append(gotten[i], c.next())
				}
				if !slices.Equal(gotten[i], gotten[0]) {
					t.Errorf("client %d got another order", i)
				}
			}
		})
	}
}

// TestTotalOrderWithoutRedis: nothing is delivered that the others would not get.
func TestTotalOrderWithoutRedis(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"", streamsMode + "@"} {
		server := redistest.Start(t, redistest.Options{})
		a := startNode(t, mode+server.Addr, settings{clusterOptions: clusterOptions{TotalOrder: true}})
		here := join(t, a)
		server.Stop()
		unhealthy(t, a)
		if err := receive(t, "the outcome", publishPacket(t, a, "x", "refused")); err == nil {
			t.Error("the publication was accepted")
		}
		a.Emit("x", "waits")
		_ = a.Local().Emit("end")
		here.want()
		server.Restart()
		a.awaitHealth()
		a.Emit("end")
		here.want(`2["x","waits"]`)
	}
}

// TestManyStreams: each namespace is in the stream that Node.js has it in, and is heard whatever the sign
// of its number.
func TestManyStreams(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.Options{}).Addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	// As @socket.io/redis-streams-adapter 0.3.1 calculates them.
	for nsp, stream := range map[string]string{"/": "s-2", "/chat": "s-1", "/ünï🙂": "s-1", "/news": "s-0", "/dashboard": "s--1", "/notifications": "s--2"} {
		var got []string
		transport := streams.New(client, streams.Options{StreamName: "s", StreamCount: 3})
		r := newCluster(transport, transport.Hub, clusterOptions{}, nil)
		n := &node{t: t, redis: r, client: client, open: make(map[string]chan struct{})}
		n.serve(r, settings{})
		n.awaitHealth()
		space := n.Of(nsp, nil)
		n.awaitHealth()
		_ = space.Emit("x")
		eventually(t, "the entry is in a stream", func() bool {
			got, _ = client.Keys(t.Context(), "*").Result()
			got = slices.DeleteFunc(got, func(key string) bool { return strings.Contains(key, "-probe#") })
			return len(got) > 0
		})
		eventually(t, "the entry is read", func() bool { return r.Stats().Received == 1 })
		if !slices.Equal(got, []string{stream}) {
			t.Errorf("%s is in %s, want %s", nsp, got, stream)
		}
		client.Del(t.Context(), got...)
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestStreamsCloseAtOnce: a read that waits for the next entry does not hold up the end.
func TestStreamsCloseAtOnce(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	n := startNode(t, streamsAddr(server.Addr), settings{})
	time.Sleep(50 * time.Millisecond) // the reader waits by now
	begin := time.Now()
	if err := n.redis.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > streams.DefaultBlock/2 {
		t.Errorf("it took %v", took)
	}
	info, err := n.client.ClientList(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(info, "cmd=xread") {
		t.Errorf("a reader is still there: %s", info)
	}
}
