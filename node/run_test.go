package node_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/auth"
	"chorus/chat"
	"chorus/node"
	"chorus/node/dev"

	"github.com/alicebob/miniredis/v2"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// A client of Redis that cannot connect sleeps a second before it sees that it was closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"),
	)
}

// freeAddr returns an address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// running is a node that runs until the test ends, or stop is called.
type running struct {
	*node.Node
	addr string
	stop func() error
}

func run(t *testing.T, cfg node.Config) *running {
	t.Helper()
	return runWith(t, cfg, func(*socket.Server) {})
}

// runWith runs a node of a program that has registered something before.
func runWith(t *testing.T, cfg node.Config, prepare func(*socket.Server)) *running {
	t.Helper()
	cfg.Listen = freeAddr(t)
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	prepare(n.IO())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	r := &running{Node: n, addr: cfg.Listen}
	r.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			return errors.New("the node does not end")
		}
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("run: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	eventually(t, "the node answers", func() bool {
		response, err := http.Get("http://" + cfg.Listen + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return r
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("it never came about that %s", what)
}

func token(t *testing.T) string {
	t.Helper()
	text, err := auth.Sign(secret, "HS256", map[string]any{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMessageReachesEverybody(t *testing.T) {
	redis := miniredis.RunT(t)
	cfg := valid()
	cfg.Cluster.Redis.URL = "redis://" + redis.Addr()
	a, b := run(t, cfg), run(t, cfg)
	alice, bob := join(t, a.addr, token(t)), join(t, b.addr, token(t))

	for _, message := range []string{
		`{"text":"hi","n":12345678901}`, `{"b":1,"a":[-0,18446744073709551615]}`,
		`{"spaces" : 1.0, "digits": 1234567890123456789012345}`, `[1e400,"\ud800"]`, // with all that is in it
	} {
		alice.send(`421["message",` + message + `]`)
		for _, client := range []*rawClient{alice, bob} {
			if got := client.await(`42["message"`); got != `42["message",`+message+`]` {
				t.Errorf("heard %s, want %s", got, message)
			}
		}
	}
	alice.send(`422["message","again"]`)
	if got := alice.await("432"); got != `432[{"ok":true}]` {
		t.Errorf("acknowledged with %s", got)
	}
}

func TestMessageWithoutRedisIsRefusedButHeardHere(t *testing.T) {
	redis := miniredis.RunT(t)
	cfg := valid()
	cfg.Cluster.Redis.URL = "redis://" + redis.Addr()
	n := run(t, cfg)
	alice, bob := join(t, n.addr, token(t)), join(t, n.addr, token(t))

	redis.Close()
	eventually(t, "the node is not ready", func() bool {
		status, body := get(t, "http://"+n.addr+"/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "redis")
	})
	if status, _ := get(t, "http://"+n.addr+"/healthz"); status != http.StatusOK {
		t.Errorf("healthz says %d: a node without Redis must not be restarted for it", status)
	}
	alice.send(`421["message","hi"]`)
	bob.await(`42["message","hi"]`)
	if got := alice.await("431"); !strings.Contains(got, `"ok":false`) || !strings.Contains(got, chat.CodeClusterUnavailable) {
		t.Errorf("acknowledged with %s", got)
	}
}

func TestMessageTakesOneValue(t *testing.T) {
	n := run(t, valid())
	alice := join(t, n.addr, token(t))
	for i, args := range []string{`"message"`, `"message",1,2`} {
		alice.send(fmt.Sprintf(`42%d[%s]`, i, args))
		if got := alice.await(fmt.Sprintf("43%d", i)); !strings.Contains(got, chat.CodeBadRequest) {
			t.Errorf("%s: acknowledged with %s", args, got)
		}
	}
}

func TestEveryNamespaceAsksForAToken(t *testing.T) {
	n := run(t, valid())
	n.IO().Of("/early", nil)
	client := dial(t, n.addr)
	client.send("40/early,")
	if got := client.await("44/early,"); !strings.Contains(got, "Authentication error") {
		t.Errorf("got %s", got)
	}
	client.send(`40/early,{"token":"` + token(t) + `"}`)
	client.await("40/early,")
}

// A client that answers at once: its CONNECT packet right behind OPEN, its first event right behind
// the answer, from a server that is busy.
func TestFastClientsLoseNothing(t *testing.T) {
	n := run(t, valid())
	err := n.IO().On("connection", func(args ...any) {
		_ = args[0].(*socket.Socket).On("echo", func(args ...any) {
			args[1].(socket.Ack)(args[:1], nil)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	key := token(t)
	const clients, rounds = 8, 25
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range rounds {
				client := join(t, n.addr, key)
				client.send(`427["echo","x"]`)
				client.await(`437["x"]`)
				_ = client.ws.Close()
			}
		})
	}
	wg.Wait()
}

func TestDrain(t *testing.T) {
	n := run(t, valid())
	webSocket := join(t, n.addr, token(t))

	// A session that polls, with a request that waits.
	status, body := get(t, "http://"+n.addr+"/socket.io/?EIO=4&transport=polling")
	if status != http.StatusOK {
		t.Fatalf("handshake: %d %s", status, body)
	}
	_, sid, _ := strings.Cut(body, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	waiting := make(chan string, 1)
	go func() {
		_, body := get(t, "http://"+n.addr+"/socket.io/?EIO=4&transport=polling&sid="+sid)
		waiting <- body
	}()
	eventually(t, "the request of the session waits", func() bool { return n.Waits(sid) })

	if err := n.stop(); err != nil {
		t.Fatalf("run: %v", err)
	}
	webSocket.awaitClose()
	if body := <-waiting; body != "1" {
		t.Errorf("the waiting request got %q, want a CLOSE packet", body)
	}
	if _, err := net.Dial("tcp", n.addr); err == nil {
		t.Error("the node still listens")
	}
}

// A client whose token waits for the keys of an issuer that hangs does not keep a node from ending.
func TestEndDoesNotWaitForTheIssuer(t *testing.T) {
	hang := make(chan struct{})
	issuer := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(issuer.Close)
	t.Cleanup(func() { close(hang) })
	cfg := valid()
	cfg.Auth.JWKSURL = issuer.URL
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{}, 1)
	_ = n.IO().Engine().On("connection", func(args ...any) {
		_ = args[0].(engine.Socket).On("packet", func(...any) { read <- struct{}{} })
	})
	server := httptest.NewServer(n.Handler())
	t.Cleanup(server.Close)
	c := dial(t, strings.TrimPrefix(server.URL, "http://"))
	c.send(`40{"token":"eyJhbGciOiJSUzI1NiJ9.e30.AAAA"}`)
	select {
	case <-read:
	case <-time.After(patience):
		t.Fatal("the node does not read")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience/2) // less than the issuer may take
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestNoNewSessionsWhileDraining(t *testing.T) {
	n := run(t, valid())
	if err := n.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, "http://"+n.addr+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "draining") {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, _ := get(t, "http://"+n.addr+"/socket.io/?EIO=4&transport=polling"); status != http.StatusServiceUnavailable {
		t.Errorf("handshake: %d", status)
	}
}

func TestRunSaysWhatToDo(t *testing.T) {
	t.Run("the address is taken", func(t *testing.T) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		cfg := valid()
		cfg.Listen = taken.Addr().String()
		wantStartError(t, cfg, "CHORUS_LISTEN")
	})
	t.Run("the address of the admin is taken", func(t *testing.T) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		cfg := valid()
		cfg.Admin.Listen = taken.Addr().String()
		wantStartError(t, cfg, "CHORUS_ADMIN_LISTEN")
	})
	t.Run("there is no Redis", func(t *testing.T) {
		cfg := valid()
		cfg.Cluster.Redis.URL = "redis://:hunter2@" + freeAddr(t)
		wantStartError(t, cfg, "CHORUS_CLUSTER_REDIS_URL")
	})
}

// wantStartError fails unless a node does not start, for a reason that has these words and no password.
func wantStartError(t *testing.T, cfg node.Config, words ...string) error {
	t.Helper()
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err = n.Run(ctx)
	if !errors.Is(err, node.ErrStart) || strings.Contains(err.Error(), "hunter2") {
		t.Fatalf("got %v, want an error without the password", err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got %v, want an error with %q", err, word)
		}
	}
	return err
}

func TestMetrics(t *testing.T) {
	redis := miniredis.RunT(t)
	cfg := valid()
	cfg.Cluster.Redis.URL = "redis://" + redis.Addr()
	cfg.Admin.Listen = freeAddr(t)
	n := run(t, cfg)
	join(t, n.addr, token(t))
	_, body := get(t, "http://"+cfg.Admin.Listen+"/metrics")
	for _, want := range []string{
		"chorus_connections 1", "chorus_redis_up 1", `chorus_authentications_total{outcome="ok"} 1`, "chorus_redis_malformed_total 0",
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no %q in the metrics", want)
		}
	}
}

func TestDevSpreadsClients(t *testing.T) {
	cfg := node.DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	cfg.Log.Level = "error"
	cluster, err := dev.Open(context.Background(), cfg, 3)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- cluster.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})

	key, err := auth.Sign(cluster.Config().Auth.Secret, "", map[string]any{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	doors := append([]string{cluster.Addr(), cluster.Addr(), cluster.Addr()}, cluster.NodeAddrs()...)
	clients := make([]*rawClient, len(doors))
	for i, addr := range doors {
		clients[i] = join(t, addr, key)
	}
	for i := range 3 {
		clients[i].send(fmt.Sprintf(`42["message",%d]`, i))
	}
	for _, client := range clients[3:] {
		heard := map[string]bool{}
		for len(heard) < 3 {
			heard[client.await(`42["message",`)] = true
		}
	}
}

func TestDevThatCannotStartLeavesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := node.DefaultConfig()
	cfg.Listen = taken.Addr().String()
	cfg.Log.Level = "error"
	if _, err := dev.Open(context.Background(), cfg, 2); !errors.Is(err, node.ErrStart) {
		t.Errorf("got %v", err)
	}
}
