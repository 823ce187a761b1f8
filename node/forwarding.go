package node

import (
	"net/http"

	"chorus/engine"
	"chorus/node/config"
	"chorus/node/forward"
	"chorus/node/listener"
)

// newForwarder returns what passes requests on to other nodes. Without Redis there are none.
func newForwarder(n *Node) *forward.Forwarder {
	return forward.New(forward.Options{
		Nodes:         n.nodes,
		Sessions:      sessions{n},
		Off:           n.redis == nil || n.cfg.Cluster.Forward == config.ForwardOff,
		MaxOpen:       listener.MaxForwarded(&n.cfg),
		AnswerTimeout: listener.BodyTimeout,
		Logger:        n.log,
	})
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
func (n *Node) serveForwarded(handler http.Handler) {
	n.forward.Start(listener.NewServer(handler, n.log))
}
