package node_test

import (
	"net/http"
	"testing"
)

// Node.js answers all that begins with its path; a redirect would be no answer to a WebSocket client.
func TestPathsBelowSocketIO(t *testing.T) {
	n := run(t, valid())
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for path, want := range map[string]int{
		"/socket.io/":         http.StatusOK,
		"/socket.io":          http.StatusOK,
		"/socket.io//":        http.StatusOK,
		"/socket.io/x":        http.StatusOK,
		"/socket.io//x":       http.StatusOK,
		"/socket.io/./":       http.StatusOK,
		"/socket.io/../admin": http.StatusOK,
		"/socket.iox//":       http.StatusTemporaryRedirect,
		"//socket.io/":        http.StatusTemporaryRedirect,
		"/socket.iox/":        http.StatusNotFound,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+n.addr+path+"?EIO=4&transport=polling", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, want)
		}
	}
}
