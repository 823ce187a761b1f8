package node

import (
	"chorus/node/listener"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"strings"
)

// operateHeader must be in requests that change a node. Web pages cannot send it to other sites.
const operateHeader = "Chorus-Operator"

// operate serves a request that changes the node. It takes those of this machine alone, of programs and not of pages.
func (n *Node) operate(do func() (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		ip := net.ParseIP(host)
		switch {
		case r.Method != http.MethodPost:
			w.Header().Set("Allow", "POST")
			listener.Refuse(w, r, http.StatusMethodNotAllowed, "method not allowed")
		case ip == nil || !ip.IsLoopback():
			listener.Refuse(w, r, http.StatusForbidden, "only programs on the machine of the node may do this: run chorus there")
		case r.Header.Get(operateHeader) == "" || r.Header.Get("Origin") != "":
			listener.Refuse(w, r, http.StatusForbidden, "the header "+operateHeader+" is missing")
		default:
			listener.DropBody(w, r)
			answer, err := do()
			w.Header().Set("Content-Type", "application/json")
			if err != nil {
				w.WriteHeader(http.StatusUnprocessableEntity)
				answer = map[string]any{"error": strings.TrimSpace(err.Error())}
			}
			_ = json.NewEncoder(w).Encode(answer)
		}
	})
}

// serveReload reads the configuration again.
func (n *Node) serveReload() (any, error) {
	if n.cfg.Load == nil {
		return nil, ErrConfig
	}
	cfg, err := n.cfg.Load()
	var restart []string
	if err == nil {
		restart, err = n.Reload(cfg)
	}
	if err != nil {
		n.log.Error("configuration not reloaded, the one before stays in force", slog.Any("error", err))
		return nil, err
	}
	return map[string]any{"ok": true, "restart": append([]string{}, restart...)}, nil
}

// serveDrain has Run drain and return.
func (n *Node) serveDrain() (any, error) {
	n.stopOnce.Do(func() { close(n.stop) })
	return map[string]any{"ok": true, "connections": n.engine.ClientsCount()}, nil
}
