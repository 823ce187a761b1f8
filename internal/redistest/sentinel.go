package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// MasterName is what the Sentinels call their master.
const MasterName = "chat"

// Sentinels are three Sentinels that watch a master with a replica.
type Sentinels struct {
	Addrs   []string // of the Sentinels
	Servers [2]*Server

	tb testing.TB
}

// StartSentinels runs the five processes until the test ends.
func StartSentinels(tb testing.TB, password string) *Sentinels {
	tb.Helper()
	s := &Sentinels{tb: tb}
	for i := range s.Servers {
		s.Servers[i] = Start(tb, Options{Password: password, Args: []string{"--masterauth", password, "--repl-diskless-sync-delay", "0"}})
	}
	host, port, _ := net.SplitHostPort(s.Servers[0].Addr)
	s.Servers[1].MustDo("replicaof", host, port)
	Eventually(tb, "the replica follows", func() bool {
		client := s.Servers[1].Admin()
		defer func() { _ = client.Close() }()
		info, err := client.InfoMap(tb.Context(), "replication").Result()
		return err == nil && info["Replication"]["master_link_status"] == "up"
	})
	for range 3 {
		s.Addrs = append(s.Addrs, startSentinel(tb, s.Servers[0].Addr, password))
	}
	for _, addr := range s.Addrs {
		Eventually(tb, "the Sentinels know each other and the replica", func() bool {
			return s.field(addr, "num-other-sentinels") == "2" && s.field(addr, "num-slaves") == "1"
		})
	}
	return s
}

func startSentinel(tb testing.TB, master, password string) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "sentinel")
	if err != nil {
		tb.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(master)
	s := &Server{tb: tb, dir: dir, Addr: FreeAddr(tb)}
	_, own, _ := net.SplitHostPort(s.Addr)
	config := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %s\nunixsocket %s\nsentinel monitor %[3]s %s %s 2\nsentinel down-after-milliseconds %[3]s 500\n"+
		"sentinel failover-timeout %[3]s 3000\n", own, s.Socket(), MasterName, host, port)
	if password != "" {
		text += fmt.Sprintf("sentinel auth-pass %s %s\n", MasterName, password)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.Stop()
		_ = os.RemoveAll(dir)
	})
	if !s.spawn(config, "--sentinel") {
		tb.Fatal("a Sentinel does not start")
	}
	return s.Addr
}

// field returns what a Sentinel says of the master.
func (s *Sentinels) field(addr, name string) string {
	client := newSentinelClient(addr)
	defer func() { _ = client.Close() }()
	fields, _ := client.Master(s.tb.Context(), MasterName).Result()
	return fields[name]
}

// Master returns the server that the Sentinels take for the master.
func (s *Sentinels) Master() *Server {
	s.tb.Helper()
	for _, server := range s.Servers {
		if _, port, _ := net.SplitHostPort(server.Addr); s.field(s.Addrs[0], "port") == port {
			return server
		}
	}
	s.tb.Fatal("the Sentinels know no master of the test")
	return nil
}

// FailOver kills the master, and returns when the other server is it for all Sentinels.
func (s *Sentinels) FailOver() {
	s.tb.Helper()
	old := s.Master()
	_, port, _ := net.SplitHostPort(old.Addr)
	old.Stop()
	for _, addr := range s.Addrs {
		Eventually(s.tb, "the Sentinels have a new master", func() bool {
			now := s.field(addr, "port")
			return now != "" && now != port
		})
	}
}
