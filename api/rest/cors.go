package rest

import (
	"net/http"
	"strings"

	"chorus/internal/origin"
)

// Headers of answers that pages may read, and of requests that they may send.
var (
	exposed = strings.Join([]string{"RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id", "Idempotency-Replayed", "WWW-Authenticate", "Allow"}, ", ")
	taken   = strings.Join([]string{"Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-Request-Id"}, ", ")
	methods = strings.Join([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, ", ")
)

// crossOrigin permits pages of the origins of the options to read answers. It returns false for a preflight, which it has
// answered. Nothing is refused here: a request needs a key, which no page has unless its user gave it to it.
func (a *API) crossOrigin(w http.ResponseWriter, r *http.Request) bool {
	page := r.Header.Get("Origin")
	header := w.Header()
	header.Add("Vary", "Origin")
	allowed := page != "" && a.origins.Contains(page) && !origin.Same(page, r.Host)
	if allowed {
		header.Set("Access-Control-Allow-Origin", page)
		header.Set("Access-Control-Expose-Headers", exposed)
	}
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" || page == "" {
		return true
	}
	if allowed {
		header.Set("Access-Control-Allow-Methods", methods)
		header.Set("Access-Control-Allow-Headers", taken)
		header.Set("Access-Control-Max-Age", "600")
	}
	dropBody(w, r)
	ExchangeOf(r.Context()).quota = a.take(r.Context(), who(r, ExchangeOf(r.Context())), 0)
	w.WriteHeader(http.StatusNoContent)
	return false
}
