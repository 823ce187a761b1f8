package node

import (
	"net/http"
	"path"
	"strings"
	"sync/atomic"

	"chorus/internal/origin"
	"chorus/node/config"
	"chorus/node/forward"
	"chorus/node/handshake"
	"chorus/node/listener"
	"chorus/node/proxy"
	"chorus/web"
)

// routes returns the public endpoints.
func (n *Node) routes() (http.Handler, error) {
	allowed, err := origin.NewList(n.cfg.CORS.Origins)
	if err != nil {
		return nil, err
	}
	proxies, err := proxy.Parse(n.cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	n.setOrigins(allowed)
	mux := http.NewServeMux()
	mux.Handle("/healthz", listener.GetOnly(n.serveHealthz))
	mux.Handle("/readyz", listener.GetOnly(n.serveReadyz))
	socketIO := keepPolls(n.forward.Middleware(&n.clients, &n.busy))
	mux.HandleFunc(forward.Path, n.forward.ServeLink)
	mux.Handle(n.cfg.Path, socketIO)
	if bare := strings.TrimSuffix(n.cfg.Path, "/"); bare != "" && bare != n.cfg.Path {
		mux.Handle(bare, socketIO) // clients with addTrailingSlash: false leave the slash out
	}
	n.addPages(mux)
	mux.HandleFunc("/", n.serveUnknown)
	return proxies.Middleware(n.withAPI(config.APIPublic, n.uncleaned(socketIO, mux))), nil
}

// uncleaned has Socket.IO answer what begins with its path and is then not clean, such as "/socket.io//": Node.js answers all
// that begins so, and ServeMux would redirect it.
func (n *Node) uncleaned(socketIO, mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := r.URL.Path
		if clean := path.Clean(given); strings.HasPrefix(given, strings.TrimSuffix(n.cfg.Path, "/")+"/") && clean != given && clean+"/" != given {
			socketIO.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// admit refuses new sessions once the node closes those that are open.
func (n *Node) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.closing.Load() && !r.URL.Query().Has("sid") {
			n.handshakes.Note(r.RemoteAddr, handshake.RefusalDraining)
			w.Header().Set("Retry-After", "1")
			listener.Refuse(w, r, http.StatusServiceUnavailable, "this node is shutting down")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// keepPolls has the TCP connection of a poll stay while the poll waits, see tcpLimit.
func keepPolls(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.Header.Get("Upgrade") == "" && r.URL.Query().Has("sid") {
			defer listener.Stays(r)()
		}
		next.ServeHTTP(w, r)
	})
}

// serveUnknown answers requests for other paths. Clients of Socket.IO with a wrong path are told apart
// from browsers that look for an icon.
func (n *Node) serveUnknown(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("EIO") {
		n.handshakes.Note(r.RemoteAddr, handshake.RefusalUnknownPath)
	}
	listener.Refuse(w, r, http.StatusNotFound, "not found: Socket.IO is at "+n.cfg.Path)
}

// swapped is a handler that may be replaced while it serves.
type swapped struct{ now atomic.Pointer[http.Handler] }

// ServeHTTP implements http.Handler.
func (s *swapped) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*s.now.Load()).ServeHTTP(w, r) }

// setOrigins changes which web pages may connect.
func (n *Node) setOrigins(allowed *origin.List) {
	n.origins.Store(allowed)
	check := &handshake.OriginCheck{Allowed: allowed, Refused: n.handshakes.OnOriginRefused}
	clients, peers := check.Middleware(n.admit(n.limits.LimitHandshakes(n.engine, n.handshakes.OnLimit))), check.Middleware(n.engine)
	busy := check.Middleware(http.HandlerFunc(forward.ServeBusy))
	n.clients.now.Store(&clients)
	n.peers.now.Store(&peers)
	n.busy.now.Store(&busy)
}

// adminRoutes returns the endpoints for operators.
func (n *Node) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/healthz", listener.GetOnly(n.serveHealthz))
	mux.Handle("/readyz", listener.GetOnly(n.serveReadyz))
	mux.Handle("/metrics", listener.GetOnly(n.metrics.Handler().ServeHTTP))
	mux.Handle("/reload", n.operate(n.serveReload))
	mux.Handle("/drain", n.operate(n.serveDrain))
	if n.cfg.Pages.Enabled {
		mux.Handle("/admin/", listener.GetOnly(web.Dashboard().ServeHTTP))
		mux.Handle("/admin", listener.GetOnly(http.RedirectHandler("/admin/", http.StatusMovedPermanently).ServeHTTP))
	}
	return n.withAPI(config.APIAdmin, mux)
}
