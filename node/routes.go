package node

import (
	"net/http"
	"time"
)

// bodyTimeout bounds the reading of a request's body and the writing of an answer. It is not the
// HTTP server's ReadTimeout: that would also end requests of long-polling, which wait for much longer.
const bodyTimeout = 30 * time.Second

// routes returns the public endpoints.
func (n *Node) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", n.serveHealthz)
	mux.HandleFunc("GET /readyz", n.serveReadyz)
	mux.Handle(n.cfg.Path, originGuard(n.cfg.CORS.Origins, n.log, n.admit(n.engine)))
	n.addPages(mux)
	return mux
}

// admit refuses new sessions while the node drains.
func (n *Node) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.draining.Load() && !r.URL.Query().Has("sid") {
			w.Header().Set("Connection", "close")
			http.Error(w, "this node is shutting down", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}
