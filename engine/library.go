package engine

import (
	"errors"
	"net/http"

	"chorus/engine/request"

	eio "github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/config"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// What the library's BaseServer has besides what it is used for. Some of it is how the library's
// own servers are put together, and does nothing here.

var errOwnHandshake = errors.New("engine: sessions are made by ServeHTTP")

// libraryOptions returns the options as the library has them.
func libraryOptions(o Options) config.ServerOptionsInterface {
	opts := config.DefaultServerOptions()
	opts.SetPingInterval(o.PingInterval)
	opts.SetPingTimeout(o.PingTimeout)
	opts.SetUpgradeTimeout(o.UpgradeTimeout)
	opts.SetMaxHttpBufferSize(o.MaxPayload)
	opts.SetAllowEIO3(o.AllowEIO3)
	opts.SetAllowUpgrades(!o.NoUpgrades)
	return opts
}

// Opts returns the options as the library has them.
func (s *Server) Opts() config.ServerOptionsInterface { return s.library }

// Clients returns the open sessions by their ids. It is the server's own map, to be read only.
func (s *Server) Clients() *types.Map[string, eio.Socket] { return s.clients }

// ClientsCount returns how many sessions are open.
func (s *Server) ClientsCount() uint64 { return uint64(max(s.count.Load(), 0)) } //nolint:gosec // not negative

// Transports returns the names of the transports that are offered.
func (s *Server) Transports() *types.Set[string] { return types.NewSet(s.opts.Transports...) }

// TransportsByName returns nil: the transports are the server's own.
func (s *Server) TransportsByName() map[string]transports.TransportCtor { return nil }

// Upgrades returns what a session on a transport can be upgraded to.
func (s *Server) Upgrades(transport string) []string {
	if transport == Polling && !s.opts.NoUpgrades && s.offers(WebSocket) {
		return []string{WebSocket}
	}
	return []string{}
}

// Use adds a middleware, which is called with every request and calls next before it returns. One
// that calls next with an error refuses the request, and one that has answered it need not call
// next.
func (s *Server) Use(m eio.Middleware) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.middlewares = append(s.middlewares, m)
}

// Middlewares returns what Use has added.
func (s *Server) Middlewares() []eio.Middleware {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]eio.Middleware(nil), s.middlewares...)
}

// ApplyMiddlewares calls the middlewares one after the other, and then done, with the error of the
// first that had one.
func (s *Server) ApplyMiddlewares(ctx *types.HttpContext, done func(error)) {
	middlewares := s.Middlewares()
	var apply func(i int)
	apply = func(i int) {
		if i == len(middlewares) {
			done(nil)
			return
		}
		middlewares[i](ctx, func(err error) {
			if err != nil {
				done(err)
				return
			}
			apply(i + 1)
		})
	}
	apply(0)
}

// GenerateId returns the id of a new session.
func (s *Server) GenerateId(ctx *types.HttpContext) string { //nolint:revive // the library's name
	return s.opts.GenerateID(ctx.Request())
}

// Verify returns why a request is refused, nil when it is not.
func (s *Server) Verify(ctx *types.HttpContext, upgrade bool) (*types.CodeMessage, map[string]any) {
	return s.verify(ctx.Request(), request.Query(ctx.Request()), upgrade)
}

// ComputePath returns "/": the server has no path of its own, whoever serves it gives it one.
func (s *Server) ComputePath(config.AttachOptionsInterface) string { return "/" }

// Handshake fails: sessions are made by ServeHTTP.
func (s *Server) Handshake(string, *types.HttpContext) (*types.CodeMessage, transports.Transport) {
	return badRequest, nil
}

// CreateTransport fails: sessions are made by ServeHTTP.
func (s *Server) CreateTransport(string, *types.HttpContext) (transports.Transport, error) {
	return nil, errOwnHandshake
}

// Prototype does nothing: the server's methods are not overridden.
func (s *Server) Prototype(eio.BaseServer) {}

// Proto returns the server.
func (s *Server) Proto() eio.BaseServer { return s }

// Construct does nothing: New has done it.
func (s *Server) Construct(any) {}

// Init does nothing: New has done it.
func (s *Server) Init() {}

// Cleanup does nothing: Close does it.
func (s *Server) Cleanup() {}

// newContext returns a request as the library has it.
func newContext(r *request.Compact) *types.HttpContext {
	ctx := types.NewHttpContext(nowhere{}, r.Request())
	ctx.Flush() // it is answered; its goroutine ends
	return ctx
}

// nowhere takes what is written to a request that has been answered.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}
