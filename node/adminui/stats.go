package adminui

import (
	"os"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

var started = time.Now()

// stats are the figures of this node as the UI wants them.
func (s *Server) stats() map[string]any {
	figures := s.opts.Figures()
	s.mu.Lock()
	before := s.last
	s.last = figures
	s.mu.Unlock()
	at := time.Now().Truncate(time.Second).UnixMilli()
	events := []any{}
	add := func(kind string, count uint64) {
		if count > 0 {
			events = append(events, map[string]any{"timestamp": at, "type": kind, "count": count})
		}
	}
	opened := figures.Opened - before.Opened
	add("rawConnection", opened)
	if closed := before.Connections + opened; closed > figures.Connections {
		add("rawDisconnection", closed-figures.Connections)
	}
	add("packetsIn", figures.Received-before.Received)
	add("packetsOut", figures.Sent-before.Sent)
	namespaces := []any{}
	s.namespaces(func(nsp socket.Namespace) {
		namespaces = append(namespaces, map[string]any{"name": nsp.Name(), "socketsCount": nsp.Sockets().Len()})
	})
	host, _ := os.Hostname()
	return map[string]any{
		"serverId": s.opts.Server, "hostname": host, "pid": os.Getpid(), "uptime": time.Since(started).Seconds(),
		"clientsCount": figures.Connections, "pollingClientsCount": figures.Polling,
		"aggregatedEvents": events, "namespaces": namespaces,
	}
}
