package node

import (
	"net/http"
	"sync/atomic"
)

// frontDoor spreads clients over nodes of one process, in turn. The requests of a session go to
// the node that holds it, as a sticky load balancer sends them.
func frontDoor(nodes []*Node) http.Handler {
	var turn atomic.Uint64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sid := r.URL.Query().Get("sid"); sid != "" {
			for _, n := range nodes {
				if _, here := n.engine.Clients().Load(sid); here {
					n.handler.ServeHTTP(w, r)
					return
				}
			}
		}
		nodes[turn.Add(1)%uint64(len(nodes))].handler.ServeHTTP(w, r)
	})
}
