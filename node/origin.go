package node

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"chorus/auth"

	"github.com/rs/cors"
)

// originGuard refuses web pages of foreign origins on every transport. CORS alone does not: a
// browser sends cookies with a WebSocket handshake of any page and applies no CORS to it
// (cross-site WebSocket hijacking), and a simple POST is carried out before its answer is hidden.
// A script tag of a foreign page (JSONP) has no Origin header, but browsers say where it stands in
// Sec-Fetch-Site. Requests with neither do not come from a browser's page, and pass.
func originGuard(allowed []string, log *slog.Logger, next http.Handler) http.Handler {
	lowered := make([]string, len(allowed))
	for i, origin := range allowed {
		lowered[i] = strings.ToLower(origin)
	}
	all := slices.Contains(lowered, "*")
	permitted := func(r *http.Request, origin string) bool {
		return all || slices.Contains(lowered, strings.ToLower(origin)) || auth.SameOrigin(origin, r.Host)
	}
	answer := cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			return permitted(r, origin), nil
		},
		AllowedMethods:       []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:       []string{"*"},
		AllowCredentials:     !all, // with every origin allowed, no page may use its visitor's cookies
		OptionsSuccessStatus: http.StatusNoContent,
	}).Handler(next)

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
		foreign := origin != "" && !permitted(r, origin)
		if embedded := site == "cross-site" || site == "same-site"; foreign || origin == "" && embedded && !all {
			log.Debug("origin refused", slog.String("origin", origin), slog.String("site", site))
			http.Error(w, "origin not allowed: add it to cors.origins", http.StatusForbidden)
			return
		}
		answer.ServeHTTP(w, r)
	})
}
