package forward

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"

	"chorus/engine"
	"chorus/node/listener"
	"chorus/registry"
)

// Headers between nodes. A node sets them on each request that it passes on, so those of clients mean nothing.
const (
	opHeader      = "Chorus-Op"
	addressHeader = "Chorus-Address"
)

// What a node asks another one for.
const (
	opRequest = "request" // to serve a request of a client
	opCancel  = "cancel"  // see Sessions
	opRelease = "release"
	opRetire  = "retire"
)

// passing is a request that is passed on.
type passing struct {
	sid  string
	node registry.Node
}

// ServeBusy answers a request beyond Options.MaxOpen. It needs the headers of CORS, so that pages can read it.
func ServeBusy(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "1")
	listener.Refuse(w, r, http.StatusServiceUnavailable, "too many requests are passed on to other nodes: see cluster.max_forwarded")
}

// pass passes a request on, and counts Open down when that has ended. When the other node cannot be reached, next answers:
// the session is unknown.
func (f *Forwarder) pass(w http.ResponseWriter, r *http.Request, p *passing, next http.Handler) {
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		f.passSocket(w, r, p, next) // counts Open down when the WebSocket has ended
		return
	}
	defer f.stats.Open.Add(-1)
	f.passRequest(w, r, p, next)
}

// passRequest passes a request of long-polling on.
func (f *Forwarder) passRequest(w http.ResponseWriter, r *http.Request, p *passing, next http.Handler) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Time{}) // it fails for a writer without a connection, as in tests
	poll := r.Method == http.MethodGet
	if poll {
		_ = control.SetReadDeadline(time.Time{})
		f.follow(p, true)
		defer f.follow(p, false)
	}
	complete := false
	defer func() { // also when the client goes while the answer is written, which panics
		if poll && !complete && !f.leaving.Load() {
			f.tell(context.WithoutCancel(r.Context()), p, opCancel)
		}
	}()
	cancelled := false
	proxy := &httputil.ReverseProxy{
		Transport:     f.transport,
		FlushInterval: -1,
		BufferPool:    pool{f},
		ErrorLog:      nil,
		Rewrite: func(out *httputil.ProxyRequest) {
			f.address(out.Out, out.In, p)
			if poll && out.In.ContentLength != 0 { // a stray body
				out.Out.Body, out.Out.ContentLength = http.NoBody, 0
			}
		},
		ModifyResponse: func(*http.Response) error {
			_ = control.SetWriteDeadline(time.Now().Add(f.opts.AnswerTimeout))
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if cancelled = r.Context().Err() != nil; cancelled {
				return // nobody listens
			}
			f.stats.Failed.Add(1)
			f.log.Debug("a request was not passed on", slog.String("node", p.node.ID), slog.Any("error", err))
			_ = control.SetWriteDeadline(time.Now().Add(f.opts.AnswerTimeout))
			next.ServeHTTP(w, r)
		},
	}
	f.stats.Requests.Add(1)
	proxy.ServeHTTP(w, r)
	complete = !cancelled
}

// address directs a request to a node. The client's own headers go with it, those about proxies included.
func (f *Forwarder) address(out, in *http.Request, p *passing) {
	out.URL.Scheme, out.URL.Host = "http", p.node.ID
	out.URL.RawQuery = in.URL.RawQuery // Rewrite drops what Go does not understand, and Node.js does
	out.Host = in.Host
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values := in.Header.Values(name); len(values) > 0 {
			out.Header[name] = values
		}
	}
	out.Header.Set(opHeader, opRequest)
	out.Header.Set(addressHeader, in.RemoteAddr)
}

// follow keeps the polls that wait at other nodes, for Leave.
func (f *Forwarder) follow(p *passing, waits bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if waits {
		f.polls[p] = struct{}{}
	} else {
		delete(f.polls, p)
	}
}

// tellTimeout bounds what a node tells another one about a session.
const tellTimeout = 2 * time.Second

// tell asks the node of a session for something.
func (f *Forwarder) tell(ctx context.Context, p *passing, op string) {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.node.ID+"/", http.NoBody)
	if err != nil {
		return
	}
	r.URL.RawQuery = "sid=" + p.sid // isID has checked its characters, but for base64url, or the node owns it not
	r.Header.Set(opHeader, op)
	answer, err := f.transport.RoundTrip(r)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			f.log.Debug("another node was not told about a session", slog.String("op", op), slog.String("node", p.node.ID), slog.Any("error", err))
		}
		return
	}
	_ = answer.Body.Close()
}

// fromNodes serves what comes over links.
func (f *Forwarder) fromNodes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sid := engine.SessionID(r)
		switch r.Header.Get(opHeader) {
		case opRequest:
			r = engine.PassedOn(r)
			r.RemoteAddr = r.Header.Get(addressHeader)
			r.Header.Del(opHeader)
			r.Header.Del(addressHeader)
			next.ServeHTTP(w, r)
			return
		case opCancel:
			f.opts.Sessions.CancelPoll(sid)
		case opRelease:
			f.opts.Sessions.ReleasePoll(sid)
		case opRetire:
			f.opts.Sessions.Retire(sid)
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// isSwitch reports whether an answer makes a connection a WebSocket.
func isSwitch(answer *http.Response) bool {
	return answer.StatusCode == http.StatusSwitchingProtocols && strings.EqualFold(answer.Header.Get("Upgrade"), "websocket")
}

// pool lends buffers for bodies.
type pool struct{ *Forwarder }

// Get implements httputil.BufferPool.
func (p pool) Get() []byte { return *p.buffers.Get().(*[]byte) } //nolint:errcheck,forcetypeassert // nothing else is there

// Put implements httputil.BufferPool.
func (p pool) Put(b []byte) { p.buffers.Put(&b) }
