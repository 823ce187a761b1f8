package engine

import (
	"net/http"
	"net/url"
	"slices"

	"chorus/engine/request"
	"chorus/internal/address"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// serve decides what a request is about.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.passMiddlewares(w, r) {
		return
	}
	if r.Method == http.MethodOptions { // a preflight request has been answered before
		w.Header().Set("Allow", "GET, POST, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	upgrade := request.IsUpgrade(r)
	query := request.Query(r)
	if refusal, context := s.verify(r, query, upgrade); refusal != nil {
		s.refuse(w, r, refusal, context)
		return
	}
	sid := query.Get("sid")
	switch {
	case sid == "" && upgrade:
		s.openWebSocket(w, r, query)
	case sid == "":
		s.openPolling(w, r, query)
	case upgrade:
		s.upgrade(w, r, query)
	default:
		if c := s.session(sid); c != nil {
			c.servePolling(w, r, query)
			return
		}
		s.refuse(w, r, unknownSession, map[string]any{"sid": sid}) // it ended this moment
	}
}

// passMiddlewares calls the middlewares, and reports whether the request goes on.
func (s *Server) passMiddlewares(w http.ResponseWriter, r *http.Request) bool {
	if len(s.Middlewares()) == 0 {
		return true
	}
	ctx := types.NewHttpContext(w, r)
	passed := make(chan error, 1)
	s.ApplyMiddlewares(ctx, func(err error) {
		select {
		case passed <- err:
		default: // next was called twice
		}
	})
	select {
	case err := <-passed:
		if ctx.IsDone() {
			return false
		}
		if err != nil {
			s.refuse(w, r, badRequest, map[string]any{"name": "MIDDLEWARE_FAILURE"})
			return false
		}
	default:
		return false
	}
	for name, values := range ctx.ResponseHeaders().All() {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	ctx.Flush() // its goroutine ends; the answer is the server's
	return true
}

// verify returns why a request is refused, nil when it is not.
func (s *Server) verify(r *http.Request, query url.Values, upgrade bool) (*types.CodeMessage, map[string]any) {
	transport := query.Get("transport")
	if !s.offers(transport) {
		return unknownTransport, map[string]any{"transport": transport}
	}
	if upgrade && transport != WebSocket {
		return badRequest, map[string]any{"name": "TRANSPORT_MISMATCH", "transport": transport}
	}
	if query.Get("sid") != "" {
		return s.verifySession(r, query, transport, upgrade)
	}
	switch revision := s.revision(query); {
	case r.Method != http.MethodGet:
		return badMethod, map[string]any{"method": r.Method}
	case transport == WebSocket && !upgrade:
		return badRequest, map[string]any{"name": "TRANSPORT_HANDSHAKE_ERROR"}
	case revision != "4" && (revision != "3" || !s.opts.AllowEIO3):
		return unsupportedProtocol, map[string]any{"protocol": revision}
	case query.Has("j") && revision != "3":
		return badRequest, map[string]any{"name": "JSONP_IS_OF_REVISION_3"}
	}
	if s.opts.AllowRequest != nil {
		if err := s.opts.AllowRequest(r); err != nil {
			return &types.CodeMessage{Code: forbidden.Code, Message: err.Error()}, map[string]any{"message": err.Error()}
		}
	}
	return nil, nil
}

// revision returns the revision of Engine.IO that a request names. Clients of revision 2 and earlier
// ones of 3 name none.
func (s *Server) revision(query url.Values) string {
	revision := query.Get("EIO")
	if revision == "" && s.opts.AllowEIO3 {
		return "3"
	}
	return revision
}

// verifySession looks at a request of a session that there is.
func (s *Server) verifySession(r *http.Request, query url.Values, transport string, upgrade bool) (*types.CodeMessage, map[string]any) {
	sid := query.Get("sid")
	c := s.session(sid)
	switch {
	case c == nil, c.overdue():
		return unknownSession, map[string]any{"sid": sid}
	case upgrade && s.opts.NoUpgrades:
		return badRequest, map[string]any{"name": "NO_UPGRADES"}
	case upgrade: // a second WebSocket is accepted and then closed
	case !upgrade && (transport != Polling || c.websocket.Load()):
		return badRequest, map[string]any{"name": "TRANSPORT_MISMATCH", "transport": transport, "previousTransport": c.Transport().Name()}
	case !upgrade && r.Method != http.MethodGet && r.Method != http.MethodPost:
		return badRequest, map[string]any{"method": r.Method}
	case c.protocol != 3 && query.Has("j"):
		return badRequest, map[string]any{"name": "JSONP_IS_OF_REVISION_3"}
	}
	return nil, nil
}

func (s *Server) offers(transport string) bool { return slices.Contains(s.opts.Transports, transport) }

// session returns an open session, nil when there is none of this id.
func (s *Server) session(sid string) *Conn {
	found, ok := s.clients.Load(sid)
	if !ok {
		return nil
	}
	c, _ := found.(*Conn) // nothing else is stored there
	return c
}

// addHeaders adds the cookie of a new session and what the program wants to the answer of a request.
func (s *Server) addHeaders(header http.Header, c *Conn, r *http.Request, initial bool) {
	if initial && s.opts.Cookie != nil {
		header.Add("Set-Cookie", s.cookie(c.id))
	}
	for _, event := range []types.EventName{"initial_headers", "headers"} {
		if event == "initial_headers" && !initial || s.ListenerCount(event) == 0 {
			continue
		}
		bag, ctx := types.NewParameterBag(nil), c.Request()
		if !initial {
			ctx = newContext(request.Keep(r))
		}
		s.Emit(event, bag, ctx)
		for name, values := range bag.All() {
			for _, value := range values {
				header.Add(name, value)
			}
		}
	}
}

func (s *Server) cookie(value string) string {
	cookie := *s.opts.Cookie
	cookie.Value = value
	if cookie.Name == "" {
		cookie.Name = "io"
	}
	if cookie.Path == "" {
		cookie.Path = "/"
	}
	if cookie.SameSite == 0 {
		cookie.SameSite = http.SameSiteLaxMode
	}
	return cookie.String()
}

// host returns the address of a connection without its port.
func (c *Conn) host() string { return address.Host(c.address) }

// network returns what the limits of an address count.
func (c *Conn) network() string { return address.Of(c.address) }

// spawn runs fn in a goroutine that Shutdown waits for, and reports whether the server is open.
func (s *Server) spawn(fn func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.goes.Go(fn)
	return true
}
