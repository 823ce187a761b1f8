package handshake

import (
	"net/http"

	"chorus/internal/origin"
	"chorus/node/listener"

	"github.com/rs/cors"
)

// OriginCheck refuses web pages of other origins on every transport. CORS alone does not: a browser
// sends cookies with the WebSocket handshake of any page and applies no CORS to it (cross-site
// WebSocket hijacking), and it carries out a simple POST before it hides the answer. A script tag of
// another page (JSONP) sends no Origin header, but browsers name its site in Sec-Fetch-Site. Requests
// with neither header do not come from a web page, and pass.
type OriginCheck struct {
	Allowed *origin.List
	Refused func(*http.Request)
}

// foreign reports whether a request comes from a page that may not connect.
func (c *OriginCheck) foreign(r *http.Request) bool {
	header, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	if header == "" {
		return (site == "cross-site" || site == "same-site") && !c.Allowed.All()
	}
	return !c.permits(r, header)
}

// permits reports whether pages of an origin may connect. The browser's word that a request is of
// the same origin counts for long-polling: no page can set Sec-Fetch-Site, and behind a proxy that
// rewrites Host it is the only header that says so.
func (c *OriginCheck) permits(r *http.Request, header string) bool {
	sameSite := r.Header.Get("Sec-Fetch-Site") == "same-origin" && r.Header.Get("Upgrade") == ""
	return sameSite || c.Allowed.Contains(header) || origin.Same(header, r.Host)
}

// Middleware answers for CORS and refuses the pages that may not connect.
func (c *OriginCheck) Middleware(next http.Handler) http.Handler {
	answer := cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, header string) (bool, []string) {
			return c.permits(r, header), nil
		},
		AllowedMethods:       []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:       []string{"*"},
		AllowCredentials:     !c.Allowed.All(), // with every origin allowed, no page may use its visitor's cookies
		OptionsSuccessStatus: http.StatusNoContent,
	}).Handler(next)

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.foreign(r) {
			c.Refused(r)
			listener.Refuse(w, r, http.StatusForbidden, "origin not allowed: add it to cors.origins")
			return
		}
		if r.Method == http.MethodOptions {
			listener.DropBody(w, r)
		}
		answer.ServeHTTP(w, r)
	})
}
