package node

import (
	"encoding/json"
	"net/http"
)

// health is the body of /healthz and /readyz.
type health struct {
	Status string `json:"status"` // "ok", or "unavailable"
	// Forwarding is "ok", "off" or "unreachable"; empty in /healthz.
	Forwarding string            `json:"forwarding,omitempty"`
	Checks     map[string]string `json:"checks,omitempty"`
}

// serveHealthz answers that the process is alive, nothing else: a restart does not help a node whose
// Redis is away.
func (n *Node) serveHealthz(w http.ResponseWriter, _ *http.Request) {
	writeHealth(w, "", nil)
}

// serveReadyz reports whether this node should get clients. It reads what the probes of the node have
// found, and asks nobody: however often it is called, it costs Redis nothing.
func (n *Node) serveReadyz(w http.ResponseWriter, r *http.Request) {
	checks := map[string]string{"node": "ok"}
	if n.draining.Load() {
		checks["node"] = "draining: this node is shutting down"
	}
	if n.redis != nil {
		checks["redis"] = state(n.redis.Health())
	}
	if g := n.auth; g != nil {
		if n.cfg.Auth.JWKSURL != "" {
			checks["keys"] = state(g.verifier.Ready())
		}
		if n.redis != nil {
			checks["revocations"] = state(g.revocations.Ready())
		}
	}
	writeHealth(w, n.forward.State(r.Context()), checks)
}

// state returns "ok", or what is wrong.
func state(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func writeHealth(w http.ResponseWriter, forwarding string, checks map[string]string) {
	body, code := health{Status: "ok", Forwarding: forwarding, Checks: checks}, http.StatusOK
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
