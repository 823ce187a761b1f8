package request

import (
	"net/http"
	"strconv"
	"time"
)

// SuspendDeadlines lets a request wait for a message: the deadlines of the HTTP server are for requests
// that are answered at once. The answer has a deadline of its own.
func SuspendDeadlines(w http.ResponseWriter) {
	// A writer without deadlines, as in tests, has no slow clients either.
	deadlines := http.NewResponseController(w)
	_ = deadlines.SetReadDeadline(time.Time{})
	_ = deadlines.SetWriteDeadline(time.Time{})
}

// strayBodyTimeout is how long a client may take to send the body of a request that needs none.
const strayBodyTimeout = time.Second

// DropBody has the connection of a request with a body end soon after the answer. Else net/http reads
// the body to its end before it takes the next request, however slowly it comes.
func DropBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(strayBodyTimeout))
}

// Answer writes an answer, which the client must take within timeout.
func Answer(w http.ResponseWriter, timeout time.Duration, status int, contentType string, body []byte) error {
	// A writer without deadlines, as in tests, has no slow clients either.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(timeout))
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}
