package namespace

import (
	"reflect"

	"chorus/auth/refusal"
	"chorus/internal/library"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/slices"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// A middleware may call next in a goroutine of its own. The middlewares behind it then run there, where a panic
// would end the process. So each one is called through what recovers.

// safeMiddleware is a middleware of a namespace.
type safeMiddleware struct {
	panics *panics
	fn     socket.NamespaceMiddleware
}

func (m *safeMiddleware) run(s *socket.Socket, next func(*socket.ExtendedError)) {
	defer func() {
		if reason := recover(); reason != nil {
			m.panics.report("a middleware of a namespace", s.Nsp().Name(), reason)
			s.Enqueue(func() { refuseSocket(s, next) })
		}
	}()
	m.fn(s, next)
}

// refuseSocket ends a socket whose middleware has panicked. The middleware may have let it connect before.
func refuseSocket(s *socket.Socket, next func(*socket.ExtendedError)) {
	if s.Connected() {
		s.Disconnect(false)
		return
	}
	const message = "the server cannot connect this client"
	next(socket.NewExtendedError(message, map[string]any{"code": refusal.CodeInternalError, "reason": message}))
}

// protect makes the middlewares of a namespace safe that are not yet, but for the first ones, which are ours.
func (p *panics) protect(nsp socket.Namespace, first int) {
	safe := codeOf((&safeMiddleware{}).run)
	nsp.Fns().DoWrite(func(fns []socket.NamespaceMiddleware) []socket.NamespaceMiddleware {
		for i := first; i < len(fns); i++ {
			if codeOf(fns[i]) != safe {
				fns[i] = (&safeMiddleware{panics: p, fn: fns[i]}).run
			}
		}
		return fns
	})
}

// codeOf tells functions of different methods apart.
func codeOf(fn socket.NamespaceMiddleware) uintptr { return reflect.ValueOf(fn).Pointer() }

// eventChain is the first middleware of a socket that has some. It calls the others, and then the handlers, in
// place of the library.
type eventChain struct {
	panics *panics
	socket *socket.Socket
	fns    *types.Slice[socket.SocketMiddleware] // itself, and those of the program
}

// watchMiddlewares makes the middlewares of a socket safe, if there are any.
func (p *panics) watchMiddlewares(s *socket.Socket) {
	fns, ok := library.Middlewares(s)
	if !ok || fns.Len() == 0 {
		return
	}
	chain := &eventChain{panics: p, socket: s, fns: fns}
	first := reflect.ValueOf(chain.run).Pointer()
	fns.DoWrite(func(fns []socket.SocketMiddleware) []socket.SocketMiddleware {
		if reflect.ValueOf(fns[0]).Pointer() == first {
			return fns
		}
		return append([]socket.SocketMiddleware{chain.run}, fns...)
	})
}

// run is a socket.SocketMiddleware. It never calls next, behind which the library would call the others.
func (c *eventChain) run(event []any, _ func(error)) {
	c.from(c.fns.All()[1:], event)
}

func (c *eventChain) from(fns []socket.SocketMiddleware, event []any) {
	if len(fns) == 0 {
		c.socket.Enqueue(func() { c.handle(event) })
		return
	}
	defer func() {
		if reason := recover(); reason != nil {
			c.panics.report("a middleware of a socket", slices.TryGetAny[string](event, 0), reason)
			answerInternalError(slices.Slice(event, 1))
		}
	}()
	fns[0](event, func(err error) {
		if err != nil {
			c.socket.Enqueue(func() { c.socket.EmitReserved("error", err) })
			return
		}
		c.from(fns[1:], event)
	})
}

// handle calls the handlers of an event that the middlewares have passed on.
func (c *eventChain) handle(event []any) {
	if c.socket.Connected() {
		c.socket.EmitUntyped(slices.TryGetAny[string](event, 0), slices.Slice(event, 1)...)
	}
}
