package node

import (
	"net/http"

	"chorus/engine"
	"chorus/node/config"
	"chorus/node/forward"
)

// tcpPerForwarded is how many TCP connections to other nodes a session may need, as tcpForSessions.
const tcpPerForwarded = 2

// newForwarder returns what passes requests on to other nodes. Without Redis there are none.
func newForwarder(n *Node) *forward.Forwarder {
	return forward.New(forward.Options{
		Nodes:         n.nodes,
		Sessions:      sessions{n},
		Off:           n.redis == nil || n.cfg.Cluster.Forward == config.ForwardOff,
		MaxOpen:       maxForwarded(&n.cfg, maxDescriptors()),
		AnswerTimeout: bodyTimeout,
		Logger:        n.log,
	})
}

// maxForwarded returns how many requests and WebSockets are passed on at a time. Each takes a descriptor.
func maxForwarded(c *Config, descriptors int) int {
	switch {
	case c.AdapterName() == AdapterMemory || c.Cluster.Forward == config.ForwardOff:
		return 0
	case c.Cluster.MaxForwarded > 0:
		return int(c.Cluster.MaxForwarded)
	}
	wanted := tcpPerForwarded * int(c.MaxConnections)
	if descriptors == 0 {
		return wanted
	}
	return max(min(wanted, descriptors/3), 1)
}

// sessions are the sessions of a node, for the requests that other nodes pass on.
type sessions struct{ n *Node }

var _ forward.Sessions = sessions{}

func (s sessions) Has(sid string) bool    { return s.n.engine.Has(sid) }
func (s sessions) CancelPoll(sid string)  { s.n.engine.CancelPoll(sid) }
func (s sessions) ReleasePoll(sid string) { s.n.engine.ReleasePoll(sid) }

// Retire has a client connect again.
func (s sessions) Retire(sid string) {
	if found, ok := s.n.engine.Clients().Load(sid); ok {
		if c, ok := found.(*engine.Conn); ok {
			s.n.moveClient(c)
		}
	}
}

// serveForwarded begins to take requests that other nodes pass on.
func (n *Node) serveForwarded(handler http.Handler) { n.forward.Start(newServer(handler, n.log)) }
