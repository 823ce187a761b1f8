package rest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// exchange is a request and its answer, for the log and the figures.
type exchange struct {
	id       string
	began    time.Time
	op       string // "" for no operation
	Who      *identity
	code     string // of a problem
	detail   string
	replayed bool
	quota    *quota
}

type exchangeKey struct{}

// ExchangeOf returns the exchange of a request.
func ExchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// requestID matches ids that are taken from a client or proxy.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// newExchange begins an exchange. The request has an id of its own, or that of the client.
func newExchange(r *http.Request) *exchange {
	x := &exchange{began: time.Now(), id: r.Header.Get("X-Request-Id")}
	if !requestID.MatchString(x.id) {
		x.id = strings.ToLower(rand.Text()[:20])
	}
	return x
}

// recorder is a response writer that knows what was written.
type recorder struct {
	http.ResponseWriter
	status int
	size   int64
	before func(status int) // called once, before the header is sent
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if w.before != nil {
		w.before(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(data []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	n, err := w.ResponseWriter.Write(data)
	w.size += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// finish counts an exchange and logs it. Lines of each operation and code are limited by themselves.
func (a *API) finish(r *http.Request, x *exchange, status int, size int64) {
	operation := x.op
	if operation == "" {
		operation = "none"
	}
	a.stats.note(operation, status, x.code)
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
		level = slog.LevelError
	}
	ctx := context.WithoutCancel(r.Context())
	if !a.log.Enabled(ctx, level) {
		return
	}
	key := ""
	if x.Who != nil {
		key = x.Who.Name
	}
	message := "api: " + operation
	if status >= http.StatusBadRequest {
		message = "api request refused"
	}
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("operation", operation), slog.Int("status", status), slog.String("key", key),
		slog.String("request", x.id), slog.Duration("took", time.Since(x.began).Round(time.Microsecond)), slog.Int64("bytes", size),
		slog.String("remote", r.RemoteAddr),
	}
	if x.code != "" {
		attrs = append([]slog.Attr{slog.String("code", x.code)}, append(attrs, slog.String("detail", x.detail))...)
	}
	if x.replayed {
		attrs = append(attrs, slog.Bool("replayed", true))
	}
	a.log.LogAttrs(ctx, level, message, attrs...)
}
