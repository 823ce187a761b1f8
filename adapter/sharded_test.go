package adapter_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"chorus/adapter/sharded"
	"chorus/adapter/wire"
	"chorus/internal/redistest"

	"github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// roomChannels returns the rooms of the main namespace that somebody has a channel for.
func roomChannels(t *testing.T, client *redis.Client, ids ...socket.SocketId) []string {
	t.Helper()
	names, err := client.PubSubShardChannels(t.Context(), "socket.io#/#?*").Result()
	if err != nil {
		t.Fatal(err)
	}
	var rooms []string
	for _, name := range names {
		room := strings.TrimSuffix(strings.TrimPrefix(name, "socket.io#/#"), "#")
		if i := slices.Index(ids, socket.SocketId(room)); i >= 0 {
			room = fmt.Sprintf("id %d", i)
		}
		if len(room) != 16 { // a server's own
			rooms = append(rooms, room)
		}
	}
	slices.Sort(rooms)
	return rooms
}

func TestRoomsHaveChannels(t *testing.T) {
	t.Parallel()
	for mode, want := range map[wire.SubscriptionMode][]string{
		wire.Static:         nil,
		wire.Dynamic:        {"id 0", "r", "räume#"}, // see wire.Dynamic: of a socket with 24 characters
		wire.DynamicPrivate: {"id 0", "r", "räume#"},
	} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			n := startNode(t, shardedAddr(redistest.Start(t, redistest.Options{}).Addr, mode), settings{})
			c := join(t, n, "r")
			c.socket().Join("räume#")
			if got := roomChannels(t, n.client, c.id); !slices.Equal(got, want) {
				t.Errorf("there are channels of %q, want %q", got, want)
			}
			c.socket().Leave("r")
			eventually(t, "the channel of the room is given up", func() bool { return !slices.Contains(roomChannels(t, n.client), "r") })
			c.socket().Disconnect(true)
			eventually(t, "all rooms' channels are given up", func() bool { return len(roomChannels(t, n.client)) == 0 })
			if err := n.redis.Health(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDynamicSparesNodes: with a channel for each room, a node does not even hear of those of others.
func TestDynamicSparesNodes(t *testing.T) {
	t.Parallel()
	for mode, heard := range map[wire.SubscriptionMode]uint64{wire.Static: 100, wire.Dynamic: 0} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			addr := shardedAddr(redistest.Start(t, redistest.Options{}).Addr, mode)
			a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
			c := join(t, b, "here")
			before := b.redis.Stats().Received
			for range 100 {
				if err := a.To("away").Emit("x", 1); err != nil {
					t.Fatal(err)
				}
			}
			a.Emit("end")
			c.want()
			if got := b.redis.Stats().Received - before - 1; got != heard {
				t.Errorf("%d messages came, want %d", got, heard)
			}
			if got := b.redis.Stats().Skipped; got != heard {
				t.Errorf("%d were skipped, want %d", got, heard)
			}
		})
	}
}

// TestJoinIsHeard: what is sent after a join has returned arrives, whoever has joined first.
func TestJoinIsHeard(t *testing.T) {
	t.Parallel()
	addr := shardedAddr(redistest.Start(t, redistest.Options{}).Addr, wire.Dynamic)
	a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
	clients := []*client{join(t, b), join(t, b), join(t, b)}
	for i := range 100 {
		room := socket.Room(fmt.Sprint("room ", i))
		var sent sync.WaitGroup
		for at, c := range clients {
			sent.Go(func() { // ends with the test's own work
				c.socket().Join(room)
				_ = a.To(socket.Room(c.id)).Emit("joined", at)
				_ = a.To(room).Emit("x", i)
			})
		}
		sent.Wait()
		for at, c := range clients {
			want := fmt.Sprintf(`2["x",%d]`, i)
			for got := ""; got != want; {
				if got = c.next(); got == "" {
					t.Fatalf("client %d: the connection has ended", at)
				}
			}
		}
		for _, c := range clients {
			c.socket().Leave(room)
		}
		a.Emit("end")
		for _, c := range clients {
			c.until("end")
		}
	}
}

// TestRoomsThatComeAndGo: however joins and leaves of a room meet, in the end the node hears it when
// somebody is in it, and else does not.
func TestRoomsThatComeAndGo(t *testing.T) {
	t.Parallel()
	addr := shardedAddr(redistest.Start(t, redistest.Options{}).Addr, wire.Dynamic)
	a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
	clients := []*client{join(t, b), join(t, b), join(t, b)}
	for round := range 5 {
		var busy sync.WaitGroup
		for _, c := range clients {
			busy.Go(func() { // ends with the test's own work
				for range 50 {
					c.socket().Join("r")
					c.socket().Leave("r")
				}
			})
		}
		busy.Wait()
		eventually(t, "the channel is given up", func() bool { return !slices.Contains(roomChannels(t, a.client), "r") })
		clients[round%3].socket().Join("r")
		if err := a.To("r").Emit("end"); err != nil {
			t.Fatal(err)
		}
		clients[round%3].want()
		clients[round%3].socket().Leave("r")
	}
}

func TestShardedOutage(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	addr := shardedAddr(server.Addr, wire.Dynamic)
	a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
	c := join(t, b, "r")
	server.Stop()
	unhealthy(t, a)
	unhealthy(t, b)
	c.socket().Join("while it is away") // which does not wait
	if err := receive(t, "an outcome", publishPacket(t, a, "x")); err == nil {
		t.Error("a message is published without Redis")
	}
	if err := a.To("while it is away").Emit("x", "later"); err != nil { // which waits
		t.Fatal(err)
	}
	server.Restart()
	a.awaitHealth()
	b.awaitHealth()
	if err := a.To("r").Emit("end"); err != nil {
		t.Fatal(err)
	}
	for got := c.until("end"); len(got) > 0; got = nil {
		// Whether b had subscribed again when a sent what had waited is a matter of luck.
		if !slices.Equal(got, []string{`2["x","later"]`}) {
			t.Errorf("got %q", got)
		}
	}
	if err := a.To("while it is away").Emit("end"); err != nil {
		t.Fatal(err)
	}
	c.want()
}

func TestShardedRefusesModes(t *testing.T) {
	t.Parallel()
	if _, err := sharded.New(nil, sharded.Options{Mode: "dynamic-public"}); err == nil || !strings.Contains(err.Error(), "Options.Mode") {
		t.Errorf("got %v", err)
	}
}

func TestShardedMalformedMessages(t *testing.T) {
	t.Parallel()
	addr := shardedAddr(redistest.Start(t, redistest.Options{}).Addr, wire.Dynamic)
	a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
	c := join(t, b, "r")
	names, err := b.client.PubSubShardChannels(t.Context(), "*").Result()
	if err != nil || len(names) != 5 { // all, two servers, the room, the socket
		t.Fatalf("the channels are %q, %v", names, err)
	}
	bad := []string{"", "{", "[]", `{"uid":"u","nsp":"/","type":3,"data":{}}`, `{"uid":"u","nsp":"/","type":6,"data":{"close":true}}`,
		`{"uid":"u","nsp":"/","type":99,"data":{}}`, `{"uid":"u","nsp":"/","type":9,"data":{"packet":["connection",1]}}`, "\xdf\xff\xff\xff\xff",
		strings.Repeat("\x91", 1000), `{"uid":"u","nsp":"/","type":3,"data":{"opts":{},"packet":{"type":1,"data":["x"]}}}`}
	harmless := []string{`{"uid":"u","nsp":"/other","type":6,"data":{"opts":{}}}`, `{"uid":"u","nsp":"/","type":1}`, `{"uid":"u","nsp":"/","type":13}`,
		`{"uid":"u","nsp":"/","type":8,"data":{"requestId":"none","sockets":[]}}`, `{"uid":"u","nsp":"/","type":12,"data":{"requestId":"none"}}`}
	for _, name := range names {
		for _, payload := range slices.Concat(bad, harmless) {
			if err := a.client.SPublish(t.Context(), name, payload).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	a.Emit("end")
	c.want()
	if got, want := b.redis.Stats().Malformed, uint64(len(bad)*(len(names)-1)); got != want {
		t.Errorf("%d malformed messages, want %d", got, want)
	}
}

func TestShardedNamespaceThatCloses(t *testing.T) {
	t.Parallel()
	n := startNode(t, shardedAddr(redistest.Start(t, redistest.Options{}).Addr, wire.Dynamic), settings{})
	chat := n.namespace("/chat")
	joinNamespace(t, n, "/chat", "r")
	channels := func() int {
		names, err := n.client.PubSubShardChannels(t.Context(), "socket.io#/chat#*").Result()
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	if got := channels(); got != 4 {
		t.Fatalf("%d channels, want those for all, this server, the room and the socket", got)
	}
	chat.Adapter().Close()
	eventually(t, "all are given up", func() bool { return channels() == 0 })
	if err := n.redis.Health(); err != nil {
		t.Error(err)
	}
}

func TestRedisCluster(t *testing.T) {
	t.Parallel()
	servers := startRedisCluster(t)
	a, b := startNodeOn(t, servers, wire.Dynamic, settings{}), startNodeOn(t, servers, wire.Dynamic, settings{})
	for _, master := range servers.Servers[:3] { // else the first room with a channel there would have to wait for a connection
		admin := master.Admin()
		probes, err := admin.PubSubChannels(t.Context(), "socket.io-probe#*").Result()
		_ = admin.Close()
		if err != nil || len(probes) != 2 {
			t.Errorf("the nodes that are ready have %q on the master at %s, %v", probes, master.Addr, err)
		}
	}
	var rooms []socket.Room
	for i := range 30 { // on all masters
		rooms = append(rooms, socket.Room(fmt.Sprint("room ", i)))
	}
	c := join(t, b, rooms...)
	here := join(t, a, "a's")
	// heard fails unless each room of b's client, and everybody, is reached.
	heard := func() {
		t.Helper()
		for i, room := range rooms {
			if err := a.To(room).Emit("x", i); err != nil {
				t.Fatal(err)
			}
			if got, want := c.next(), fmt.Sprintf(`2["x",%d]`, i); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
		b.Emit("end")
		c.want()
		here.want()
	}
	heard()
	if n := a.Sockets().Adapter().ServerCount(); n != 2 {
		t.Errorf("there are %d servers", n)
	}
	if got := fetch(t, a.To(rooms[7], "a's")); got.err != nil || len(got.sockets) != 2 {
		t.Errorf("fetched %d sockets, %v", len(got.sockets), got.err)
	}
	c.answers(`["yes"]`)
	ack, answers := acks()
	a.To(rooms[3]).Timeout(patience).EmitWithAck("ask")(ack)
	if got := receive(t, "the answers", answers); got.err != nil || len(got.values) != 1 {
		t.Errorf("answered with %v, %v", got.values, got.err)
	}
	c.next()

	t.Run("a slot moves", func(t *testing.T) {
		for _, channel := range []string{"socket.io#/#", "socket.io#/#room 5#"} {
			to := servers.move(channel)
			client := redis.NewClient(&redis.Options{Addr: servers.Servers[to].Addr})
			t.Cleanup(func() { _ = client.Close() })
			eventually(t, "the nodes follow "+channel, func() bool { return subscribers(t.Context(), t, client, channel) > 0 })
			a.awaitHealth()
			b.awaitHealth()
			eventually(t, "both hear again", func() bool { return a.Sockets().Adapter().ServerCount() == 2 })
		}
		heard()
	})

	t.Run("a master fails", func(t *testing.T) {
		victim := servers.masterOf("socket.io#/#")
		servers.Servers[victim].Stop()
		unhealthy(t, a)
		unhealthy(t, b)
		a.awaitHealth()
		b.awaitHealth()
		eventually(t, "both hear again", func() bool { return a.Sockets().Adapter().ServerCount() == 2 })
		heard()
	})
}
