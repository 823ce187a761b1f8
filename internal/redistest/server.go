// Package redistest runs Redis servers for tests, each on a port of its own: one, a Sentinel trio with its
// master and replica, a Redis Cluster. They end with the test.
package redistest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// patience is how long what must come may take.
const patience = 20 * time.Second

// Options say how a server is run. The zero value is a Redis without password and TLS.
type Options struct {
	Password string        // of the default user
	TLS      *Certificates // the server speaks TLS alone, and wants a certificate of clients
	Cluster  bool          // the server is one of a Redis Cluster
	Args     []string      // more of the command line
}

// Server is a redis-server.
type Server struct {
	Addr string // host and port
	Bus  string // port for the other servers of a Redis Cluster; "" outside of one

	tb     testing.TB
	opts   Options
	dir    string
	cmd    *exec.Cmd     // nil while it is stopped
	exited chan struct{} // closed when cmd has ended
}

// Start runs a redis-server until the test ends, and skips the test where there is none.
func Start(tb testing.TB, opts Options) *Server {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		tb.Skip("there is no redis-server here")
	}
	dir, err := os.MkdirTemp("", "redis") // tb.TempDir may be too long for the name of a socket
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{tb: tb, opts: opts, dir: dir}
	tb.Cleanup(func() {
		s.Stop()
		_ = os.RemoveAll(dir)
	})
	for range 5 { // somebody may take the free port before Redis does
		s.Addr = FreeAddr(tb)
		if opts.Cluster { // the usual port may be beyond the last one
			_, s.Bus, _ = net.SplitHostPort(FreeAddr(tb))
		}
		if s.tryStart() {
			return s
		}
	}
	tb.Fatal("redis-server does not start")
	return nil
}

// FreeAddr returns an address that nobody listens on.
func FreeAddr(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// Restart runs a stopped server again on the same port.
func (s *Server) Restart() {
	s.tb.Helper()
	Eventually(s.tb, "redis-server starts again", s.tryStart)
}

// Socket returns the path of the unix socket on which the server listens as well, without TLS.
func (s *Server) Socket() string { return filepath.Join(s.dir, "redis.sock") }

// Admin returns a client of the default user. It is to be closed.
func (s *Server) Admin() *redis.Client {
	return redis.NewClient(&redis.Options{Network: "unix", Addr: s.Socket(), Password: s.opts.Password, MaxRetries: -1, DisableIdentity: true})
}

// Do runs a command as the default user.
func (s *Server) Do(args ...any) (string, error) {
	client := s.Admin()
	defer func() { _ = client.Close() }()
	return client.Do(context.Background(), args...).Text()
}

// MustDo is Do of a command that must succeed.
func (s *Server) MustDo(args ...any) string {
	s.tb.Helper()
	answer, err := s.Do(args...)
	if err != nil {
		s.tb.Fatalf("%v: %v", args, err)
	}
	return answer
}

func (s *Server) tryStart() bool {
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return false
	}
	args := []string{"--bind", host, "--dir", s.dir, "--unixsocket", s.Socket(), "--save", "", "--appendonly", "no"}
	if s.opts.TLS != nil {
		args = append(args, "--port", "0", "--tls-port", port, "--tls-ca-cert-file", s.opts.TLS.CA,
			"--tls-cert-file", s.opts.TLS.Cert, "--tls-key-file", s.opts.TLS.Key)
	} else {
		args = append(args, "--port", port)
	}
	if s.opts.Password != "" {
		args = append(args, "--requirepass", s.opts.Password)
	}
	if s.opts.Cluster {
		args = append(args, "--cluster-enabled", "yes", "--cluster-port", s.Bus)
	}
	return s.spawn(append(args, s.opts.Args...)...)
}

// spawn runs the process and waits until it answers.
func (s *Server) spawn(args ...string) bool {
	cmd := exec.Command("redis-server", args...) //nolint:gosec // the test's own arguments
	if err := cmd.Start(); err != nil {
		return false
	}
	exited := make(chan struct{})
	go func() { // ends with the process
		defer close(exited)
		_ = cmd.Wait()
	}()
	s.cmd, s.exited = cmd, exited
	client := s.Admin()
	defer func() { _ = client.Close() }()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		info, err := client.InfoMap(context.Background(), "server").Result()
		if err == nil && info["Server"]["process_id"] == strconv.Itoa(cmd.Process.Pid) {
			return true
		}
		select {
		case <-exited: // something else has the port
			s.cmd = nil
			return false
		case <-time.After(5 * time.Millisecond): // before the next attempt
		}
	}
	s.Stop()
	return false
}

// Stop ends the server at once, paused or not.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	_ = s.cmd.Process.Kill()
	<-s.exited
	s.cmd = nil
}

// Pause makes the server hang: connections stay open, nothing is answered.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume ends a pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) {
	s.tb.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.tb.Fatal(err)
	}
}

// Eventually fails unless the condition comes true.
func Eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("waited in vain: %s", what)
		}
	}
}
