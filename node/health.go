package node

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// readyTimeout bounds the question to Redis behind /readyz.
const readyTimeout = time.Second

// health is the body of /healthz and /readyz.
type health struct {
	Status string            `json:"status"` // "ok", or "unavailable"
	Checks map[string]string `json:"checks,omitempty"`
}

// serveHealthz says that the process is alive, nothing else: a node without Redis must not be
// restarted for it.
func (n *Node) serveHealthz(w http.ResponseWriter, _ *http.Request) {
	writeHealth(w, nil)
}

// serveReadyz says whether this node should get clients.
func (n *Node) serveReadyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()

	checks := map[string]string{"node": "ok"}
	if n.draining.Load() {
		checks["node"] = "draining: this node is shutting down"
	}
	if n.redis != nil {
		checks["redis"] = state(n.redis.ping(ctx))
	}
	if g := n.gatekeeper; g != nil && g.jwks {
		checks["keys"] = state(g.verifier.Ready())
	}
	if g := n.gatekeeper; g != nil && n.redis != nil {
		checks["revocations"] = state(g.revocations.Ready())
	}
	writeHealth(w, checks)
}

// state is that of something that works without an error.
func state(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func writeHealth(w http.ResponseWriter, checks map[string]string) {
	body, code := health{Status: "ok", Checks: checks}, http.StatusOK
	for _, state := range checks {
		if state != "ok" {
			body.Status, code = "unavailable", http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}
