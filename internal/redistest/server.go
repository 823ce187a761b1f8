// Package redistest runs Redis servers for tests, each on a port of its own. They end with the test.
package redistest

import (
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// patience is how long what must come may take.
const patience = 15 * time.Second

// Options say how a server is run. The zero value is a Redis that keeps nothing.
type Options struct {
	// Args makes more arguments of the command line, new ones for each attempt to find a free port; nil
	// for none.
	Args func() []string
}

// Server is a redis-server.
type Server struct {
	Addr string   // host and port
	Args []string // what Options.Args has made

	tb     testing.TB
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
	s := &Server{tb: tb, dir: tb.TempDir()}
	for range 5 { // somebody may take the free port before Redis does
		s.Addr = FreeAddr(tb)
		if opts.Args != nil {
			s.Args = opts.Args()
		}
		if s.tryStart() {
			tb.Cleanup(s.Stop)
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
	for end := time.Now().Add(patience); !s.tryStart(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.tb.Fatal("waited in vain: redis-server starts again")
		}
	}
}

func (s *Server) tryStart() bool {
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return false
	}
	args := []string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", s.dir}
	cmd := exec.Command("redis-server", append(args, s.Args...)...) //nolint:gosec // the test's own arguments
	if err := cmd.Start(); err != nil {
		return false
	}
	exited := make(chan struct{})
	go func() { // ends with the process
		defer close(exited)
		_ = cmd.Wait()
	}()
	s.cmd, s.exited = cmd, exited
	client := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		info, err := client.InfoMap(s.tb.Context(), "server").Result()
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
