package node

import (
	"net/http"
	"time"
)

// strayBodyTimeout is how long a client may take to send the body of a request that needs none.
const strayBodyTimeout = time.Second

// getOnly serves GET and HEAD, whose bodies, if there are any, are not waited for.
func getOnly(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, r, http.StatusMethodNotAllowed, "method not allowed")
			return
		}
		dropBody(w, r)
		next(w, r)
	})
}

// refuse answers a request with an error, and does not wait for its body.
func refuse(w http.ResponseWriter, r *http.Request, status int, message string) {
	dropBody(w, r)
	http.Error(w, message, status)
}

// dropBody has the connection of a request with a body end soon after the answer. Else net/http reads
// the body to its end before it takes the next request, however slowly it comes.
func dropBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	w.Header().Set("Connection", "close")
	// It fails for a writer without a connection, as in tests.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(strayBodyTimeout))
}
