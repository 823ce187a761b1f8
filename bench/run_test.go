package bench_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/auth"
	"chorus/bench"
	"chorus/codec"
	"chorus/node"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

const secret = "a secret that is long enough for these tests"

// start runs a node in this process, with the events that rooms and requests need, and returns its URL.
func start(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := node.DefaultConfig()
	cfg.Listen, cfg.Admin.Listen, cfg.Auth.Secret, cfg.Log.Level = listener.Addr().String(), "", secret, "error"
	cfg.Compression = true // for clients that ask for it
	cfg.Limits.NoRates()
	_ = listener.Close()
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_ = n.IO().On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		_ = s.On("echo", func(args ...any) { args[1].(socket.Ack)(args[:1], nil) })
		_ = s.On("join", func(args ...any) {
			if room, err := codec.Arg[socket.Room]("join", args, 0); err == nil {
				s.Join(room)
			}
		})
		_ = s.On("say", func(args ...any) {
			if room, err := codec.Arg[socket.Room]("say", args, 0); err == nil {
				_ = n.IO().To(room).Emit("say", args[1])
			}
		})
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := n.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	url := "http://" + cfg.Listen
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if response, err := http.Get(url + "/readyz"); err == nil {
			_ = response.Body.Close()
			return url
		}
	}
	t.Fatal("the node does not answer")
	return ""
}

func token(int) (string, error) {
	return auth.Sign(secret, "", map[string]any{"sub": "bench", "exp": time.Now().Add(time.Hour).Unix()})
}

func measure(t *testing.T, o bench.Options) *bench.Report {
	t.Helper()
	o.Token, o.WarmUp, o.Duration = token, 100*time.Millisecond, 400*time.Millisecond
	r, err := bench.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRunBroadcasts(t *testing.T) {
	o := bench.Options{URLs: []string{start(t), start(t)}, Connections: 20, Senders: 1, Rate: 50}
	if runtime.GOOS == "linux" {
		o.PIDs = []int{os.Getpid()}
	}
	// Two nodes without a Redis do not hear each other: half of the deliveries are lost, and the
	// report has to say so.
	r := measure(t, o)
	l := r.Load
	if r.Connect.Connected != 20 || l.Offered != 20 || l.Sent != 20 || l.Expected != 400 || l.Deliveries != 200 || l.Lost != 200 {
		t.Errorf("connect %+v, load %+v", r.Connect, *l)
	}
	if l.OutOfOrder != 0 || l.Dropped != 0 || r.Latency.P50 <= 0 || r.Latency.Max < r.Latency.P99 {
		t.Errorf("load %+v, latency %+v", *l, *r.Latency)
	}
	if r.Server != nil && (r.Server.CPUMicrosPerDelivery <= 0 || r.Server.RSSEnd <= 0) {
		t.Errorf("server %+v", *r.Server)
	}
}

func TestRunModes(t *testing.T) {
	url := start(t)
	for name, test := range map[string]struct {
		options bench.Options
		each    uint64 // deliveries of a message
	}{
		"requests":           {bench.Options{Connections: 4, Senders: 4, Rate: 100, Echo: true}, 1},
		"as fast as it goes": {bench.Options{Connections: 4, Senders: 2, Rate: 0}, 4},
		"requests in turn":   {bench.Options{Connections: 4, Senders: 4, Rate: 0, InFlight: 1, Echo: true}, 1},
		"rooms":              {bench.Options{Connections: 8, Senders: 3, Rate: 100, Rooms: 2, Event: "say"}, 4},
		"several rooms each": {bench.Options{Connections: 8, Senders: 8, Rate: 100, Rooms: 4, RoomsPerClient: 2, Event: "say"}, 4},
		"attachments":        {bench.Options{Connections: 4, Senders: 2, Rate: 100, Binary: true}, 4},
		"long-polling":       {bench.Options{Connections: 6, Senders: 3, Rate: 60, Rooms: 2, Event: "say", Polling: true}, 3},
		"polled requests":    {bench.Options{Connections: 4, Senders: 4, Rate: 60, Echo: true, Polling: true}, 1},
		"large messages":     {bench.Options{Connections: 3, Senders: 1, Rate: 20, Payload: 200_000}, 3},
		"a stalled client":   {bench.Options{Connections: 5, Senders: 2, Rate: 100, Stalled: 1}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.URLs = []string{url}
			l := measure(t, test.options).Load
			if l.Sent == 0 || l.Expected != test.each*l.Sent || l.Lost != 0 || l.OutOfOrder != 0 || l.Dropped != 0 {
				t.Errorf("load %+v", *l)
			}
		})
	}
}

func TestRunCompressed(t *testing.T) {
	l := measure(t, bench.Options{URLs: []string{start(t)}, Connections: 4, Senders: 1, Rate: 50, Payload: 4000, Deflate: true}).Load
	if l.Sent == 0 || l.Lost != 0 || l.Dropped != 0 || l.BytesPerDelivery < 100 || l.BytesPerDelivery > 3000 {
		t.Errorf("load %+v", *l)
	}
}

func TestRunFindsPauses(t *testing.T) {
	r := measure(t, bench.Options{URLs: []string{start(t)}, Connections: 5, Senders: 1, Rate: 50, PingRate: 100})
	if r.Pause == nil || r.Pause.Connecting <= 0 || r.Pause.Load <= 0 || r.Pause.Failure != "" {
		t.Errorf("pauses %+v", r.Pause)
	}
	if r.Connect.Connected != 5 || r.Load.Expected != 5*r.Load.Sent || r.Load.Lost != 0 { // the client that sends pings does not count
		t.Errorf("connect %+v, load %+v", r.Connect, *r.Load)
	}
}

func TestRunIdle(t *testing.T) {
	var phases []bench.Phase
	o := bench.Options{
		URLs: []string{start(t)}, Token: token, Connections: 10, ConnectRate: 100, Duration: 1200 * time.Millisecond,
		Progress: func(p bench.Progress) { phases = append(phases, p.Phase) },
	}
	r, err := bench.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Load != nil || r.Connect.Connected != 10 || r.Connect.Seconds < 0.09 || len(phases) == 0 {
		t.Errorf("load %v, connect %+v, phases %v", r.Load, r.Connect, phases)
	}
}

func TestRunRefused(t *testing.T) {
	_, err := bench.Run(context.Background(), bench.Options{URLs: []string{start(t)}, Connections: 2})
	if !errors.Is(err, bench.ErrConnect) || !errors.Is(err, bench.ErrRefused) || !strings.Contains(err.Error(), "credentials_required") {
		t.Errorf("without a token: %v", err)
	}
}

func TestRunAgainstNoServer(t *testing.T) {
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // it accepts nobody
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	notFound := http.Server{Handler: http.NotFoundHandler()}
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = notFound.Serve(web) })
	defer serving.Wait()
	defer notFound.Close()
	for name, test := range map[string]struct {
		addr net.Addr
		want error
	}{"deaf": {deaf.Addr(), context.DeadlineExceeded}, "another server": {web.Addr(), bench.ErrRefused}} {
		_, err := bench.Run(context.Background(), bench.Options{
			URLs: []string{"http://" + test.addr.String()}, Connections: 2, ConnectTimeout: 100 * time.Millisecond,
		})
		if !errors.Is(err, bench.ErrConnect) || !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	url := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := bench.Run(ctx, bench.Options{URLs: []string{url}, Token: token, Connections: 4, Senders: 1, Rate: 10, Duration: time.Minute})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(begin), err)
	}
}
