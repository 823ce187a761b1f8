package churn_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chorus/auth"
	"chorus/internal/redistest"
	"chorus/node"

	"github.com/gorilla/websocket"
)

// length is how long clients come and go; make churn says how long.
var length = flag.Duration("churn", 8*time.Second, "how long clients come and go, in all modes together")

const secret = "a secret of at least 32 characters"

const (
	clients  = 24               // at a time
	patience = 20 * time.Second // with what must come

	// What a node may have more than before: pools, and the buffers of the connections to Redis.
	moreGoroutines = 5
	moreHeap       = 8 << 20
)

// TestChurn has clients connect, publish and go, in every way there is, against a node on a real
// Redis, without tokens and in every mode of authentication. Afterwards there must be no session, and
// no more goroutines and memory than before.
func TestChurn(t *testing.T) {
	modes := []auth.Mode{"", auth.ModeHandshake, auth.ModeEvent, auth.ModeBoth}
	for _, mode := range modes {
		t.Run(cmp.Or(string(mode), "insecure"), func(t *testing.T) { churn(t, mode, *length/time.Duration(len(modes))) })
	}
}

func churn(t *testing.T, mode auth.Mode, length time.Duration) {
	t.Helper()
	addr, n := run(t, redistest.Start(t, redistest.Options{}).Addr, mode)
	c := newCrowd(t, addr, mode)
	defer c.http.CloseIdleConnections()

	c.churn(t, time.Now().Add(min(length/4, 10*time.Second))) // pools fill, tables grow
	before := c.settle(t, n)
	sessions := c.sessions.Load()
	c.churn(t, time.Now().Add(length))
	after := c.settle(t, n)

	t.Logf("%d sessions, %d messages: goroutines %d -> %d, heap %d -> %d KiB", c.sessions.Load()-sessions, c.messages.Load(),
		before.goroutines, after.goroutines, before.heap>>10, after.heap>>10)
	if c.sessions.Load() == sessions || c.messages.Load() == 0 {
		t.Error("nothing was done")
	}
	if after.goroutines > before.goroutines+moreGoroutines {
		var stacks strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		t.Errorf("%d goroutines, before %d:\n%s", after.goroutines, before.goroutines, stacks.String())
	}
	if after.heap > before.heap+moreHeap {
		t.Errorf("a heap of %d KiB, before %d KiB", after.heap>>10, before.heap>>10)
	}
}

// crowd are the clients. Those of a mode with tokens join with one, and some come without.
type crowd struct {
	addr               string
	connect            string // the CONNECT packet
	authenticate       string // the event that follows it; none if empty
	http               *http.Client
	sessions, messages atomic.Int64
}

func newCrowd(t *testing.T, addr string, mode auth.Mode) *crowd {
	t.Helper()
	token, err := auth.Sign(secret, "HS256", map[string]any{"sub": "alice", "exp": time.Now().Add(24 * time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{addr: addr, http: &http.Client{Timeout: patience}, connect: "40"}
	switch mode {
	case auth.ModeHandshake:
		c.connect = `40{"token":"` + token + `"}`
	case auth.ModeEvent, auth.ModeBoth:
		c.authenticate = `420["authenticate",{"token":"` + token + `"}]`
	}
	return c
}

// churn has clients come and go until a time.
func (c *crowd) churn(t *testing.T, until time.Time) {
	t.Helper()
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for time.Now().Before(until) && !t.Failed() {
				visit := []func() error{c.visitWebSocket, c.visitPolling, c.visitUpgrading, c.vanish}[rand.IntN(4)]
				if err := visit(); err != nil {
					t.Error(err)
					return
				}
				c.sessions.Add(1)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// state is what must be as before.
type state struct {
	goroutines int
	heap       uint64
}

// settle returns the state once no session is left and the goroutines become no fewer.
func (c *crowd) settle(t *testing.T, n *node.Node) state {
	t.Helper()
	c.http.CloseIdleConnections()
	end := time.Now().Add(patience)
	for n.IO().Engine().ClientsCount() > 0 || n.IO().Sockets().Sockets().Len() > 0 {
		if time.Now().After(end) {
			t.Fatalf("%d sessions and %d sockets are left", n.IO().Engine().ClientsCount(), n.IO().Sockets().Sockets().Len())
		}
		time.Sleep(10 * time.Millisecond)
	}
	least, since := runtime.NumGoroutine(), time.Now()
	for time.Since(since) < 2100*time.Millisecond { // longer than any timer of the node
		time.Sleep(50 * time.Millisecond)
		if now := runtime.NumGoroutine(); now < least {
			least, since = now, time.Now()
		}
	}
	var m runtime.MemStats
	for range 3 { // pools lose what they hold with the second collection
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return state{goroutines: least, heap: m.HeapAlloc}
}

func (c *crowd) message() string {
	return fmt.Sprintf(`421["message",{"text":%q}]`, strings.Repeat("x", rand.IntN(200)))
}

// visitWebSocket publishes over a WebSocket and goes in one of the ways that there are.
func (c *crowd) visitWebSocket() error {
	ws, err := c.dial("")
	if err != nil {
		return err
	}
	defer func() { _ = ws.Close() }()
	if err := c.talk(ws); err != nil {
		return err
	}
	return leave(ws)
}

func (c *crowd) dial(sid string) (*websocket.Conn, error) {
	ws, response, err := websocket.DefaultDialer.Dial("ws://"+c.addr+"/socket.io/?EIO=4&transport=websocket&sid="+sid, nil)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	_ = response.Body.Close()
	return ws, ws.SetReadDeadline(time.Now().Add(patience))
}

// talk joins and publishes a few messages.
func (c *crowd) talk(ws *websocket.Conn) error {
	if err := await(ws, "0{"); err != nil {
		return err
	}
	if err := errors.Join(send(ws, c.connect), await(ws, "40{")); err != nil {
		return err
	}
	if c.authenticate != "" {
		if err := errors.Join(send(ws, c.authenticate), await(ws, "430[")); err != nil {
			return err
		}
	}
	for range rand.IntN(5) {
		if err := errors.Join(send(ws, c.message()), await(ws, "431[")); err != nil {
			return err
		}
		c.messages.Add(1)
	}
	return nil
}

// vanish goes without waiting for any answer, mostly before it has joined or authenticated.
func (c *crowd) vanish() error {
	ws, err := c.dial("")
	if err != nil {
		return err
	}
	for _, packet := range [][]string{{}, {"40"}, {c.connect}, {c.connect, "41"}, {"40", `42["authenticate",{"token":"bad"}]`}, {c.connect, c.authenticate}}[rand.IntN(6)] {
		if err := send(ws, packet); err != nil {
			break // the node may close first
		}
	}
	return ws.NetConn().Close()
}

// leave ends a session, or leaves that to the heartbeat.
func leave(ws *websocket.Conn) error {
	switch rand.IntN(6) {
	case 0:
		return send(ws, "1")
	case 1:
		return send(ws, "41")
	case 2:
		return ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1001, ""), time.Now().Add(patience))
	case 3:
		return ws.NetConn().Close()
	case 4:
		return send(ws, "no packet at all")
	default:
		_ = ws.NetConn().(*net.TCPConn).SetLinger(0) // the connection is reset
		return ws.NetConn().Close()
	}
}

func send(ws *websocket.Conn, packet string) error {
	return ws.WriteMessage(websocket.TextMessage, []byte(packet))
}

// await reads until a packet begins with prefix.
func await(ws *websocket.Conn, prefix string) error {
	for {
		_, packet, err := ws.ReadMessage()
		switch {
		case err != nil:
			return fmt.Errorf("waiting for %s: %w", prefix, err)
		case strings.HasPrefix(string(packet), prefix):
			return nil
		case string(packet) == "2":
			if err := send(ws, "3"); err != nil {
				return err
			}
		}
	}
}

// visitPolling publishes by polling, and closes or stays away.
func (c *crowd) visitPolling() error {
	p, err := c.open()
	if err != nil {
		return err
	}
	if err := p.join(); err != nil {
		return err
	}
	for range rand.IntN(3) {
		if err := errors.Join(p.post(c.message()), p.await("431[")); err != nil {
			return err
		}
		c.messages.Add(1)
	}
	switch rand.IntN(3) {
	case 0:
		return p.post("1")
	case 1:
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_, _ = p.do(ctx, http.MethodGet, "") // a request that is cancelled closes the session
		return nil
	default:
		return nil
	}
}

// visitUpgrading upgrades a session, or goes while it does.
func (c *crowd) visitUpgrading() error {
	p, err := c.open()
	if err != nil {
		return err
	}
	ws, err := c.dial(p.sid)
	if err != nil {
		return err
	}
	defer func() { _ = ws.Close() }()
	switch rand.IntN(4) {
	case 0:
		return leave(ws)
	case 1:
		return p.post("1")
	}
	if err := errors.Join(send(ws, "2probe"), await(ws, "3probe"), send(ws, "5"), send(ws, c.connect), await(ws, "40{")); err != nil {
		return err
	}
	return leave(ws)
}

// poller is a client of long-polling.
type poller struct {
	crowd *crowd
	sid   string
}

func (c *crowd) open() (*poller, error) {
	p := &poller{crowd: c}
	body, err := p.do(context.Background(), http.MethodGet, "")
	if err != nil {
		return nil, err
	}
	var open struct{ Sid string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(body, "0")), &open); err != nil {
		return nil, fmt.Errorf("the handshake is %q: %w", body, err)
	}
	p.sid = open.Sid
	return p, nil
}

func (p *poller) do(ctx context.Context, method, body string) (string, error) {
	url := "http://" + p.crowd.addr + "/socket.io/?EIO=4&transport=polling&sid=" + p.sid
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := p.crowd.http.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", method, response.StatusCode, content)
	}
	return string(content), err
}

func (p *poller) post(body string) error {
	_, err := p.do(context.Background(), http.MethodPost, body)
	return err
}

func (p *poller) join() error {
	if err := errors.Join(p.post(p.crowd.connect), p.await("40{")); err != nil || p.crowd.authenticate == "" {
		return err
	}
	return errors.Join(p.post(p.crowd.authenticate), p.await("430["))
}

// await polls until a packet begins with prefix.
func (p *poller) await(prefix string) error {
	for {
		body, err := p.do(context.Background(), http.MethodGet, "")
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", prefix, err)
		}
		found := false
		for packet := range strings.SplitSeq(body, "\x1e") {
			found = found || strings.HasPrefix(packet, prefix)
			if packet == "2" {
				if err := p.post("3"); err != nil {
					return err
				}
			}
		}
		if found {
			return nil
		}
	}
}

// run runs a node until the test ends.
func run(t *testing.T, redis string, mode auth.Mode) (string, *node.Node) {
	t.Helper()
	cfg := node.DefaultConfig()
	cfg.Listen, cfg.Admin.Listen = redistest.FreeAddr(t), ""
	if cfg.Insecure = mode == ""; mode != "" {
		cfg.Auth.Mode, cfg.Auth.Secret = string(mode), secret
		cfg.Auth.EventTimeout = 2 * time.Second
	}
	cfg.PingInterval, cfg.PingTimeout, cfg.ConnectTimeout = time.Second, time.Second, 2*time.Second
	cfg.Cluster.Redis.URL = "redis://" + redis
	cfg.Logger = slog.New(slog.DiscardHandler)
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }() // ends with ctx
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", cfg.Listen)
		if err == nil {
			_ = conn.Close()
			return cfg.Listen, n
		}
		if time.Now().After(end) {
			t.Fatalf("the node does not listen: %v", err)
		}
	}
}
