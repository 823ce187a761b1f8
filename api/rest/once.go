package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"chorus/chat"
)

// Idempotency: what a POST with an Idempotency-Key answered is kept, and given again to the same request.
const (
	maxIdempotencyKey = 255
	answersKept       = 24 * time.Hour
	// answerHeld is how long a request is under way at most. After it another one with its key may begin.
	answerHeld = time.Minute
	// maxKeptAnswer bounds an answer that is kept, in bytes. Of a larger one is kept that there was one.
	maxKeptAnswer = 256 << 10
)

// answers keeps answers by key and Idempotency-Key.
type answers interface {
	// begin returns nil when the caller has to do it and then calls end, or what was answered before.
	begin(ctx context.Context, who, id, digest string) (*keptAnswer, error)
	// end keeps an answer; nil when the request failed and may be tried again.
	end(ctx context.Context, who, id, digest string, kept *keptAnswer) error
}

// Errors of answers.
var (
	errUnderWay = errors.New("a request with this Idempotency-Key is under way")
	errOther    = errors.New("this Idempotency-Key is that of another request")
)

// keptAnswer is an answer.
type keptAnswer struct {
	Status int             `json:"status"`
	Type   string          `json:"type,omitempty"`
	Body   json.RawMessage `json:"body,omitempty"`
	Lost   bool            `json:"lost,omitempty"` // it was too large
}

// once handles a request, or answers it as before.
func (a *API) once(w http.ResponseWriter, r *http.Request, x *exchange, handle func(http.ResponseWriter)) {
	values := r.Header.Values("Idempotency-Key")
	if r.Method != http.MethodPost || len(values) == 0 {
		handle(w)
		return
	}
	id := values[0]
	if len(values) > 1 || id == "" || len(id) > maxIdempotencyKey || !isPrintable(id) {
		a.Refuse(w, x, Invalid("header.Idempotency-Key", "one header of 1 to 255 printable characters"))
		return
	}
	digest := requestDigest(r)
	kept, err := a.answers.begin(r.Context(), x.Who.Name, id, digest)
	switch {
	case errors.Is(err, errUnderWay):
		p := NewProblem(http.StatusConflict, chat.CodeConflict, err.Error())
		p.headers.Set("Retry-After", "1")
		a.Refuse(w, x, p)
		return
	case errors.Is(err, errOther):
		a.Refuse(w, x, NewProblem(http.StatusUnprocessableEntity, codeKeyReused, err.Error()))
		return
	case err != nil:
		a.Refuse(w, x, Unavailable())
		return
	case kept != nil:
		x.replayed = true
		w.Header().Set("Idempotency-Replayed", "true")
		a.replay(w, x, kept)
		return
	}
	a.keep(w, r, x, id, digest, handle) // an answer is kept though its client has gone
}

// keep handles a request and keeps a good answer.
func (a *API) keep(w http.ResponseWriter, r *http.Request, x *exchange, id, digest string, handle func(http.ResponseWriter)) {
	held := &heldAnswer{header: w.Header()}
	var done *keptAnswer
	defer func() { // also after a panic
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), rateTimeout)
		defer cancel()
		if err := a.answers.end(ctx, x.Who.Name, id, digest, done); err != nil {
			a.log.LogAttrs(ctx, slog.LevelWarn, "an answer of the API could not be kept for its Idempotency-Key", slog.String("request", x.id), slog.Any("error", err))
		}
		held.send(w)
	}()
	handle(held)
	if held.status < 200 || held.status > 299 {
		return
	}
	done = &keptAnswer{Status: held.status, Type: held.header.Get("Content-Type")}
	if held.body.Len() > maxKeptAnswer {
		done.Lost = true
	} else if held.body.Len() > 0 {
		done.Body = bytes.TrimSpace(held.body.Bytes())
	}
}

// replay gives an answer again.
func (a *API) replay(w http.ResponseWriter, x *exchange, kept *keptAnswer) {
	if kept.Lost {
		a.Refuse(w, x, NewProblem(http.StatusConflict, chat.CodeConflict, "the request was done before, and its answer was too large to be kept"))
		return
	}
	if kept.Type != "" {
		w.Header().Set("Content-Type", kept.Type)
	}
	w.WriteHeader(kept.Status)
	if len(kept.Body) > 0 {
		_, _ = w.Write(append(kept.Body, '\n')) // who has gone does not read it
	}
}

// requestDigest tells one request from another.
func requestDigest(r *http.Request) string {
	sum := sha256.New()
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery} {
		sum.Write([]byte(part + "\n"))
	}
	sum.Write(bodyOf(r))
	return hex.EncodeToString(sum.Sum(nil))
}

func isPrintable(text string) bool {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// Unavailable is the problem of an operation that Redis did not answer.
func Unavailable() *Problem {
	p := NewProblem(http.StatusServiceUnavailable, chat.CodeClusterUnavailable, "Redis is not available")
	p.headers.Set("Retry-After", "1")
	return p
}

// heldAnswer is a response writer that holds the answer back.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (h *heldAnswer) Header() http.Header { return h.header }

// WriteHeader implements http.ResponseWriter.
func (h *heldAnswer) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

// Write implements http.ResponseWriter.
func (h *heldAnswer) Write(data []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(data)
}

// send passes the answer on.
func (h *heldAnswer) send(w http.ResponseWriter) {
	if h.status == 0 {
		return
	}
	w.WriteHeader(h.status)
	_, _ = w.Write(h.body.Bytes()) // who has gone does not read it
}
