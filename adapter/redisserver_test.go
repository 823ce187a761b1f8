package adapter_test

import (
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// patience is how long a test waits for what must come.
const patience = 15 * time.Second

// redisServer is a redis-server of its own for one test.
type redisServer struct {
	t    *testing.T
	addr string
	dir  string
	args []string // besides those that all have

	cmd    *exec.Cmd     // nil while it is stopped
	exited chan struct{} // closed when cmd has ended
}

// startRedis runs a redis-server on a free port until the test ends.
func startRedis(t *testing.T) *redisServer {
	t.Helper()
	return startRedisWith(t, func() []string { return nil })
}

// startRedisWith has args give it arguments, new ones for each attempt.
func startRedisWith(t *testing.T, args func() []string) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("there is no redis-server here")
	}
	r := &redisServer{t: t, dir: t.TempDir()}
	for range 5 { // somebody may take the free port before Redis does
		r.addr = freeAddr(t)
		r.args = args()
		if r.tryStart() {
			t.Cleanup(r.stop)
			return r
		}
	}
	t.Fatal("redis-server does not start")
	return nil
}

func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// start runs Redis again on the same port.
func (r *redisServer) start() {
	r.t.Helper()
	eventually(r.t, "redis-server starts again", r.tryStart)
}

func (r *redisServer) tryStart() bool {
	host, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		return false
	}
	args := []string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", r.dir}
	cmd := exec.Command("redis-server", append(args, r.args...)...) //nolint:gosec // the test's own arguments
	if err := cmd.Start(); err != nil {
		return false
	}
	exited := make(chan struct{})
	go func() { // ends with the process
		defer close(exited)
		_ = cmd.Wait()
	}()
	r.cmd, r.exited = cmd, exited
	client := redis.NewClient(&redis.Options{Addr: r.addr, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		info, err := client.InfoMap(r.t.Context(), "server").Result()
		if err == nil && info["Server"]["process_id"] == strconv.Itoa(cmd.Process.Pid) {
			return true
		}
		select {
		case <-exited: // something else has the port
			r.cmd = nil
			return false
		case <-time.After(5 * time.Millisecond): // before the next attempt
		}
	}
	r.stop()
	return false
}

// stop ends Redis at once, paused or not.
func (r *redisServer) stop() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Signal(syscall.SIGCONT)
	_ = r.cmd.Process.Kill()
	<-r.exited
	r.cmd = nil
}

// pause makes Redis hang: connections stay open, nothing is answered.
func (r *redisServer) pause() { r.signal(syscall.SIGSTOP) }

func (r *redisServer) resume() { r.signal(syscall.SIGCONT) }

func (r *redisServer) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// eventually fails unless the condition comes true.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// receive returns the next value of a channel, which must come.
func receive[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain: %s", what)
		panic("unreachable")
	}
}
