package listener

import (
	"net/http"
	"time"
)

// strayBodyTimeout is how long a client may take to send the body of a request that needs none.
const strayBodyTimeout = time.Second

// GetOnly serves GET and HEAD, whose bodies, if there are any, are not waited for.
func GetOnly(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			Refuse(w, r, http.StatusMethodNotAllowed, "method not allowed")
			return
		}
		DropBody(w, r)
		next(w, r)
	})
}

// Refuse answers a request with an error, and does not wait for its body.
func Refuse(w http.ResponseWriter, r *http.Request, status int, message string) {
	DropBody(w, r)
	http.Error(w, message, status)
}

// DropBody has the connection of a request with a body end soon after the answer. Else net/http reads
// the body to its end before it takes the next request, however slowly it comes.
func DropBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	w.Header().Set("Connection", "close")
	// It fails for a writer without a connection, as in tests.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(strayBodyTimeout))
}
