package rest

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"chorus/chat"
)

// ServeHTTP handles a request whose path begins with Prefix.
func (a *API) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	x := newExchange(r)
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	w := &recorder{ResponseWriter: out}
	w.before = func(int) { x.quota.write(w.Header()) }
	header := w.Header()
	header.Set("X-Request-Id", x.id)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	defer func() {
		if reason := recover(); reason != nil {
			if reason == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(reason)
			}
			a.panicked(r, x, reason)
			if w.status == 0 {
				a.Refuse(w, x, NewProblem(http.StatusInternalServerError, chat.CodeInternal, "the server could not handle this request"))
			}
		}
		a.finish(r, x, w.status, w.size)
	}()
	a.serve(w, r, x)
}

// Refuse answers with a problem.
func (a *API) Refuse(w http.ResponseWriter, x *exchange, p *Problem) {
	x.code, x.detail = p.Code, p.Detail
	p.write(w, x.id)
}

// serve does what all requests have in common, one step after the other.
func (a *API) serve(w *recorder, r *http.Request, x *exchange) {
	if !a.crossOrigin(w, r) {
		return // a preflight, which is answered
	}
	path, _ := cutPrefix(r.URL.EscapedPath())
	found, values, allowed, problem := a.router.match(r.Method, path)
	if found != nil {
		x.op = found.op.ID
	}
	if r.Method == http.MethodOptions && len(allowed) > 0 {
		a.answerOptions(w, r, x, allowed)
		return
	}
	if p := a.admit(r, x, found); p != nil {
		dropBody(w, r)
		a.Refuse(w, x, p)
		return
	}
	switch {
	case problem != nil:
	case found != nil:
		if !found.op.Open && found.op.Scope != "" && !x.Who.May(found.op.Scope) {
			problem = Forbidden(found.op.Scope)
		} else {
			problem = checkQuery(found, r.URL.RawQuery)
		}
	case len(allowed) > 0:
		problem = NewProblem(http.StatusMethodNotAllowed, codeMethodNotAllowed, "this path takes "+strings.Join(allowed, ", "))
		problem.headers.Set("Allow", strings.Join(allowed, ", "))
	default:
		problem = NewProblem(http.StatusNotFound, CodeNotFound, "there is no such path: "+Prefix+"/openapi.json lists them")
	}
	if problem == nil {
		r, problem = a.readBody(w, r, found)
	}
	if problem != nil {
		dropBody(w, r)
		a.Refuse(w, x, problem)
		return
	}
	a.once(w, r, x, func(w http.ResponseWriter) { found.serve(w, r, values) })
}

// admit authenticates a request and takes it from what its key may do in a time. A request without a good key counts for
// its address.
func (a *API) admit(r *http.Request, x *exchange, found *route) *Problem {
	open := found != nil && found.op.Open
	var refused *Problem
	if !open {
		x.Who, refused = a.Authenticate(r)
		if refused == nil && !x.Who.isAnything() {
			refused = Forbidden(scopeOf(found))
		}
	}
	x.quota = a.take(r.Context(), who(r, x), 1)
	if x.quota.exceeded() {
		return x.quota.problem()
	}
	return refused
}

func scopeOf(found *route) string {
	if found == nil || found.op.Scope == "" {
		return "publish"
	}
	return found.op.Scope
}

// answerOptions answers a request by OPTIONS that is no preflight.
func (a *API) answerOptions(w *recorder, r *http.Request, x *exchange, allowed []string) {
	dropBody(w, r)
	x.quota = a.take(r.Context(), who(r, x), 1)
	if x.quota.exceeded() {
		a.Refuse(w, x, x.quota.problem())
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	w.WriteHeader(http.StatusNoContent)
}

// panicked logs that an operation panicked.
func (a *API) panicked(r *http.Request, x *exchange, reason any) {
	a.log.LogAttrs(r.Context(), slog.LevelError, "an operation of the API panicked", slog.String("operation", x.op), slog.String("request", x.id),
		slog.Any("panic", reason), slog.String("stack", string(debug.Stack())))
}
