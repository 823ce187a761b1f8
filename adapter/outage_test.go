package adapter_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chorus/adapter"
	"chorus/internal/redistest"

	"github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// gate counts the connections that a client opens, and refuses them while it is shut.
type gate struct {
	shut  atomic.Bool
	dials atomic.Int64
}

func (g *gate) install(opts *redis.Options) {
	opts.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		g.dials.Add(1)
		if g.shut.Load() {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("the gate is shut")}
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}

// publishPacket runs Publish on the main namespace and returns the channel of outcomes.
func publishPacket(t *testing.T, n *node, data ...any) <-chan error {
	t.Helper()
	return publishWith(t, n, nil, data...)
}

// publishPacketTo is publishPacket to a room.
func publishPacketTo(t *testing.T, n *node, room string, data ...any) <-chan error {
	t.Helper()
	return publishWith(t, n, &socket.BroadcastOptions{Rooms: types.NewSet(socket.Room(room))}, data...)
}

func publishWith(t *testing.T, n *node, opts *socket.BroadcastOptions, data ...any) <-chan error {
	t.Helper()
	publisher, ok := adapter.Of(n.Sockets())
	if !ok {
		t.Fatal("there is no Publisher")
	}
	done := make(chan error, 4)
	publisher.Publish(&parser.Packet{Type: parser.EVENT, Data: data}, opts, func(err error) { done <- err })
	return done
}

func unhealthy(t *testing.T, n *node) {
	t.Helper()
	eventually(t, "the node notices", func() bool { return n.redis.Health() != nil })
	if err := n.redis.Health(); !errors.Is(err, adapter.ErrUnavailable) {
		t.Errorf("the health is %v", err)
	}
}

func TestRedisStopsAndComesBack(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	var g gate
	log := &logbook{}
	a := startNode(t, server.Addr, settings{client: g.install, clusterOptions: clusterOptions{Logger: slog.New(log)}})
	b := startNode(t, server.Addr, settings{})
	here, there := join(t, a, "r"), join(t, b, "r")
	a.Emit("before")
	here.until("before")
	there.until("before")

	server.Stop()
	unhealthy(t, a)
	unhealthy(t, b)
	done := publishPacket(t, a, "x", "asked")
	select {
	case err := <-done:
		if !errors.Is(err, adapter.ErrUnavailable) {
			t.Errorf("the outcome is %v", err)
		}
	default:
		t.Error("who asks for the outcome is kept waiting")
	}
	a.Emit("x", "waits")
	if err := a.To("r").Emit("x", "waits too"); err != nil {
		t.Fatal(err)
	}
	a.In("r").SocketsJoin("joined")
	a.Emit("end")
	here.want(`2["x","asked"]`, `2["x","waits"]`, `2["x","waits too"]`) // local delivery goes on
	if !here.socket().Rooms().Has("joined") {
		t.Error("the own socket has not joined")
	}
	if got := a.redis.Stats().Pending; got != 3 {
		t.Errorf("%d publications wait, want 3", got)
	}

	g.shut.Store(true) // the receiver comes back first: what is published before is lost to it
	server.Restart()
	b.awaitHealth()
	g.shut.Store(false)
	a.awaitHealth()
	there.want(`2["x","waits"]`, `2["x","waits too"]`)
	if there.socket().Rooms().Has("joined") {
		t.Error("a request has waited for Redis")
	}
	b.Emit("end")
	here.want()
	if err := receive(t, "the outcome", publishPacket(t, a, "end")); err != nil {
		t.Errorf("the outcome is %v", err)
	}
	there.until("end") // what b sent itself
	there.want()
	if got := a.redis.Stats().Pending; got != 0 {
		t.Errorf("%d publications wait", got)
	}
	if got := a.redis.Stats().Disconnects; got != 1 || log.count("no connection") != 1 || log.count("connected to redis") != 2 {
		t.Errorf("one outage is counted %d times, and logged as %q", got, log.records)
	}
	if got := fetch(t, a.In("r")); got.err != nil || len(got.sockets) != 2 {
		t.Errorf("fetched %+v", got)
	}
}

// TestRequestsWithoutRedis: whatever the outage looks like, a request ends and calls back once.
func TestRequestsWithoutRedis(t *testing.T) {
	t.Parallel()
	for _, outage := range []struct {
		name  string
		begin func(*redistest.Server)
		end   func(*redistest.Server)
		known bool // whether the nodes have noticed when the requests are made
	}{
		{"stopped", (*redistest.Server).Stop, (*redistest.Server).Restart, true},
		{"hangs, not noticed yet", (*redistest.Server).Pause, (*redistest.Server).Resume, false},
		{"hangs", (*redistest.Server).Pause, (*redistest.Server).Resume, true},
	} {
		t.Run(outage.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.Options{})
			quick := settings{clusterOptions: clusterOptions{RequestTimeout: short}}
			a, b := startNode(t, server.Addr, quick), startNode(t, server.Addr, quick)
			here, there := join(t, a).answers(`["here"]`), join(t, b).answers(`["there"]`)
			ack, answers := acks()
			if err := b.Sockets().On("q", func(args ...any) { args[0].(socket.Ack)([]any{"late"}, nil) }); err != nil {
				t.Fatal(err)
			}
			outage.begin(server)
			if outage.known {
				unhealthy(t, a)
			}

			fetches := make(chan fetched, 4)
			a.FetchSockets()(func(sockets []*socket.RemoteSocket, err error) { fetches <- fetched{sockets, err} })
			if err := a.ServerSideEmit("q", ack); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, "FetchSockets", fetches); !failed(got.err) || len(got.sockets) != 1 || got.sockets[0].Id() != here.id {
				t.Errorf("fetched %+v", got)
			}
			if got := receive(t, "ServerSideEmit", answers); !failed(got.err) || len(got.values) != 0 {
				t.Errorf("got %+v", got)
			}
			counts := make(chan int64, 1)
			go func() { counts <- a.Sockets().Adapter().ServerCount() }() // ends with its request
			if n := receive(t, "ServerCount", counts); n != -1 {
				t.Errorf("the count is %d", n)
			}
			broadcast, acknowledged := acks()
			go func() { _ = a.Timeout(short).Emit("ask", broadcast) }() // asks for the count
			got := receive(t, "the acknowledgement", acknowledged)
			if got.err == nil || !slices.Equal(got.values, []any{"here"}) {
				t.Errorf("got %+v", got)
			}

			outage.end(server)
			a.awaitHealth()
			b.awaitHealth()
			// What hung may be delivered now; these come behind it.
			eventually(t, "the cluster works again", func() bool { return fetch(t, a.To()).err == nil })
			b.Emit("end")
			here.until("end")
			there.until("end")
			if len(fetches)+len(answers)+len(acknowledged) > 0 {
				t.Errorf("called back again: %d, %d, %d", len(fetches), len(answers), len(acknowledged))
			}
		})
	}
}

func failed(err error) bool {
	return errors.Is(err, adapter.ErrUnavailable) || errors.Is(err, adapter.ErrRequestTimeout)
}

// TestHangingRedisIsNoticed: the connection stays open and nothing comes; only the probe tells.
func TestHangingRedisIsNoticed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	a, b := startNode(t, server.Addr, settings{}), startNode(t, server.Addr, settings{})
	here, there := join(t, a), join(t, b)
	server.Pause()
	done := publishPacket(t, a, "x", "asked in time")
	unhealthy(t, a)
	if err := receive(t, "the outcome", done); !errors.Is(err, adapter.ErrUnavailable) {
		t.Errorf("the outcome is %v", err)
	}
	a.Emit("end")
	here.want(`2["x","asked in time"]`)
	server.Resume()
	a.awaitHealth()
	b.awaitHealth()
	a.Emit("done")
	there.until("done")
	here.until("done")
}

// TestLostSubscription: Redis cuts off the subscribing connection alone.
func TestLostSubscription(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	a, b := startNode(t, server.Addr, settings{}), startNode(t, server.Addr, settings{})
	chat := b.namespace("/chat")
	there, chatting := join(t, b), joinNamespace(t, b, "/chat")
	if n, err := a.client.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Result(); err != nil || n != 2 {
		t.Fatalf("%d connections were cut, %v", n, err)
	}
	for _, n := range []*node{a, b} {
		eventually(t, "the loss is noticed", func() bool { return n.redis.Stats().Disconnects == 1 })
		n.awaitHealth()
	}
	a.Emit("end")
	there.want()
	if err := a.namespace("/chat").Emit("end"); err != nil {
		t.Fatal(err)
	}
	chatting.want()
	if n := chat.Adapter().ServerCount(); n != 2 {
		t.Errorf("there are %d servers", n)
	}
}

// TestNothingSpins counts attempts to connect while there is nothing to connect to.
func TestNothingSpins(t *testing.T) {
	t.Parallel()
	const window = 2 * time.Second
	// The shortest pauses are 25, 50, 100 and 200 ms, then 250 ms each: 11 attempts in the window.
	// go-redis dials up to 5 times in each, once more to reconnect by itself, and so does a publisher.
	const limit = 11 * 5 * 3

	t.Run("Redis is away", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, redistest.Options{})
		var g gate
		n := startNode(t, server.Addr, settings{client: g.install})
		server.Stop()
		unhealthy(t, n)
		for range 10 {
			n.Emit("x")
		}
		before := g.dials.Load()
		time.Sleep(window) // what is measured is that little happens
		got := g.dials.Load() - before
		t.Logf("%d attempts", got)
		if got > limit {
			t.Errorf("%d attempts to connect within %v, want at most %d", got, window, limit)
		}
		if got == 0 {
			t.Error("nobody tries to connect")
		}
	})
	t.Run("only the publishing connections are lost", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, redistest.Options{})
		var g gate
		a, b := startNode(t, server.Addr, settings{client: g.install}), startNode(t, server.Addr, settings{})
		there := join(t, b)
		g.shut.Store(true)
		if err := b.client.ClientKillByFilter(t.Context(), "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
			t.Fatal(err)
		}
		a.Emit("lost") // perhaps: it finds out that the connection is gone
		if err := receive(t, "the outcome", publishPacket(t, a, "asked")); !errors.Is(err, adapter.ErrUnavailable) {
			t.Errorf("the outcome is %v", err)
		}
		a.Emit("waits")
		before := g.dials.Load()
		time.Sleep(window) // what is measured is that little happens
		got := g.dials.Load() - before
		t.Logf("%d attempts", got)
		if got > limit || got == 0 {
			t.Errorf("%d attempts to connect within %v, want 1 to %d", got, window, limit)
		}
		if err := a.redis.Health(); err != nil {
			t.Errorf("the node still hears the cluster: %v", err)
		}
		g.shut.Store(false)
		there.until("waits")
	})
}

func TestStartWithoutRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	server.Stop()
	n := startNode(t, server.Addr, settings{unfit: true})
	unhealthy(t, n)
	c := join(t, n, "r")
	n.Emit("x")
	if got := c.next(); got != `2["x"]` {
		t.Errorf("got %q", got)
	}
	if got := n.Sockets().Adapter().ServerCount(); got != -1 {
		t.Errorf("the count is %d", got)
	}
	server.Restart()
	n.awaitHealth()
	if got := n.Sockets().Adapter().ServerCount(); got != 1 {
		t.Errorf("the count is %d", got)
	}
}

// TestCloseEndsRequests: requests that nobody answers end with Close, each with one call back.
func TestCloseEndsRequests(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	a := startNode(t, server.Addr, settings{clusterOptions: clusterOptions{RequestTimeout: time.Hour}})
	mute := a.client.Subscribe(t.Context(), "socket.io-request#/#")
	defer func() { _ = mute.Close() }()
	requests := mute.Channel()
	eventually(t, "somebody listens and says nothing", func() bool { return a.Sockets().Adapter().ServerCount() == 2 })

	const each = 20
	fetches := make(chan fetched, 4*each)
	ack, answers := acks()
	for range each {
		a.FetchSockets()(func(sockets []*socket.RemoteSocket, err error) { fetches <- fetched{sockets, err} })
	}
	for range each / 4 {
		if err := a.ServerSideEmit("q", ack); err != nil {
			t.Fatal(err)
		}
	}
	for range each + each/4 {
		receive(t, "a request on Redis", requests)
	}
	closed := make(chan error, 1)
	go func() { closed <- a.redis.Close(t.Context()) }() // the test waits for it
	if err := receive(t, "Close", closed); err != nil {
		t.Error(err)
	}
	// Close waits for the requests, so all of them have called back.
	if len(fetches) != each || len(answers) != each/4 {
		t.Errorf("%d and %d requests called back, want %d and %d", len(fetches), len(answers), each, each/4)
	}
	for range each {
		if got := receive(t, "FetchSockets", fetches); !failed(got.err) {
			t.Errorf("fetched %+v", got)
		}
	}

	// Afterwards everything fails at once, and locally goes on.
	c := join(t, a, "r")
	if got := fetch(t, a.To()); !failed(got.err) || len(got.sockets) != 1 {
		t.Errorf("fetched %+v", got)
	}
	ack, answers = acks()
	if err := a.ServerSideEmit("q", ack); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, "ServerSideEmit", answers); !failed(got.err) {
		t.Errorf("got %+v", got)
	}
	if err := receive(t, "the outcome", publishPacket(t, a, "end")); !errors.Is(err, adapter.ErrClosed) {
		t.Errorf("the outcome is %v", err)
	}
	c.want()
	if n := a.Sockets().Adapter().ServerCount(); n != -1 {
		t.Errorf("the count is %d", n)
	}
	if err := a.redis.Health(); !errors.Is(err, adapter.ErrUnavailable) {
		t.Errorf("the health is %v", err)
	}
	if err := a.redis.Close(t.Context()); err != nil {
		t.Errorf("the second Close: %v", err)
	}
}

// TestCloseAmongRequests closes while requests are made from many goroutines.
func TestCloseAmongRequests(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.Options{}).Addr
	for range 10 {
		a := startNode(t, addr, settings{clusterOptions: clusterOptions{RequestTimeout: patience}})
		var calls, callbacks atomic.Int64
		var wg sync.WaitGroup
		closing := make(chan struct{})
		for range 4 {
			wg.Go(func() {
				for range 25 {
					calls.Add(2)
					a.FetchSockets()(func([]*socket.RemoteSocket, error) { callbacks.Add(1) })
					_ = a.ServerSideEmit("q", func([]any, error) { callbacks.Add(1) })
				}
			})
			wg.Go(func() {
				<-closing
				if err := a.redis.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		close(closing)
		wg.Wait()
		eventually(t, "every request calls back", func() bool { return callbacks.Load() == calls.Load() })
	}
}

// TestCloseFlushes: what was emitted before Close reaches the others.
func TestCloseFlushes(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.Options{}).Addr
	a, b := startNode(t, addr, settings{}), startNode(t, addr, settings{})
	c := join(t, b)
	const n = 500
	for i := range n {
		a.Emit("x", i)
	}
	if err := a.redis.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Emit("end")
	var got []string
	for len(got) < n {
		if packet := c.next(); packet != `2["end"]` {
			got = append(got, packet)
		}
	}
	for i, packet := range got {
		if want := `2["x",` + strconv.Itoa(i) + `]`; packet != want {
			t.Fatalf("got %q, want %q", packet, want)
		}
	}
}

// TestCloseWithoutRedis: Close ends with its context at the latest, whatever Redis does.
func TestCloseWithoutRedis(t *testing.T) {
	t.Parallel()
	for _, outage := range []struct {
		name  string
		begin func(*redistest.Server)
		known bool
	}{
		{"stopped", (*redistest.Server).Stop, true},
		{"hangs, not noticed yet", (*redistest.Server).Pause, false},
		{"hangs", (*redistest.Server).Pause, true},
	} {
		t.Run(outage.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.Options{})
			n := startNode(t, server.Addr, settings{})
			c := join(t, n)
			outage.begin(server)
			if outage.known {
				unhealthy(t, n)
			}
			n.Emit("waits")
			fetches := make(chan fetched, 4)
			n.FetchSockets()(func(sockets []*socket.RemoteSocket, err error) { fetches <- fetched{sockets, err} })
			ctx, cancel := context.WithTimeout(t.Context(), short)
			defer cancel()
			closed := make(chan error, 1)
			start := time.Now()
			go func() { closed <- n.redis.Close(ctx) }() // the test waits for it
			if err := receive(t, "Close", closed); !outage.known != errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Close returns %v", err)
			}
			t.Logf("Close took %v", time.Since(start))
			if got := receive(t, "FetchSockets", fetches); !failed(got.err) || len(got.sockets) != 1 {
				t.Errorf("fetched %+v", got)
			}
			if err := receive(t, "the outcome", publishPacket(t, n, "end")); !errors.Is(err, adapter.ErrClosed) {
				t.Errorf("the outcome is %v", err)
			}
			c.want(`2["waits"]`)
			if got := n.redis.Stats().Pending; got != 0 {
				t.Errorf("%d publications wait", got)
			}
			if len(fetches) > 0 {
				t.Error("FetchSockets calls back twice")
			}
		})
	}
}

// patient is a connection that waits for as long as it takes, whatever the deadlines.
type patient struct{ net.Conn }

func (patient) SetDeadline(time.Time) error      { return nil }
func (patient) SetReadDeadline(time.Time) error  { return nil }
func (patient) SetWriteDeadline(time.Time) error { return nil }

// TestCloseDoesNotWaitForAnAnswer: Close ends with its context although an answer of Redis is waited for, and what
// waits ends with the client.
func TestCloseDoesNotWaitForAnAnswer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	n := startNode(t, server.Addr, settings{client: func(opts *redis.Options) {
		opts.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return patient{conn}, err
		}
	}})
	t.Cleanup(func() { _ = n.client.Close() }) // so that a test that fails ends
	server.Pause()
	n.Emit("x")
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- n.redis.Close(ctx) }() // the test waits for it
	if err := receive(t, "Close", closed); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close returns %v", err)
	}
	if err := n.client.Close(); err != nil {
		t.Error(err)
	}
	if err := n.redis.Close(t.Context()); err != nil { // it waits for the end
		t.Errorf("the second Close: %v", err)
	}
}
