package node

import (
	"io"
	"net/http"
	"sync/atomic"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// The library's engine runs in parallel what Node.js runs one after the other, and so it answers
// a client before it is ready for what the client says next. What is here closes these gaps.

// release lets the OPEN packet of a new session go, which New of the builders below holds back:
// the engine sends it before the session can be found and before anybody listens to it, and a fast
// client's next packet would be lost. It listens to the engine's "connection" event, after the
// Socket.IO server.
func release(args ...any) {
	t := args[0].(engine.Socket).Transport() //nolint:errcheck,forcetypeassert // the engine's contract for this event
	t.SetWritable(true)
	t.Emit("ready")
}

// connectInOrder is a middleware that keeps the connection from being read until its handlers
// stand: the library acknowledges a CONNECT packet before it knows the socket by its namespace,
// and an event that came right behind would close the connection.
func connectInOrder(s *socket.Socket, next func(*socket.ExtendedError)) {
	connected := make(chan struct{})
	s.Enqueue(func() {
		// next enqueues the rest of the connection, this comes behind it.
		defer s.Enqueue(func() { close(connected) })
		next(nil)
	})
	<-connected
}

type webSocketBuilder struct{ *transports.WebSocketBuilder }

// New implements transports.TransportCtor.
func (webSocketBuilder) New(ctx *types.HttpContext) transports.Transport {
	t := transports.NewWebSocket(ctx)
	if upgrade := ctx.Query().Has("sid"); !upgrade {
		t.SetWritable(false)
	}
	return t
}

type pollingBuilder struct{ *transports.PollingBuilder }

// New implements transports.TransportCtor.
func (b pollingBuilder) New(ctx *types.HttpContext) transports.Transport {
	t := b.make(ctx)
	// The transport becomes writable with its first request, which makes the session.
	_ = t.Once("ready", func(...any) { t.SetWritable(false) })
	return t
}

func (b pollingBuilder) make(ctx *types.HttpContext) transports.Transport {
	if jsonp := ctx.Query().Has("j"); jsonp {
		return b.PollingBuilder.New(ctx)
	}
	p := &polling{Polling: transports.MakePolling()}
	p.Prototype(p)
	p.Construct(ctx)
	return p
}

// polling answers the request that waits when the server closes the session. The library's own
// leaves it waiting for as long as the client does.
type polling struct {
	transports.Polling
	waiting atomic.Pointer[types.HttpContext]
}

// OnRequest is called with each request of the session.
func (p *polling) OnRequest(ctx *types.HttpContext) {
	if ctx.Method() == http.MethodGet {
		if p.ReadyState() != "open" {
			p.sayClose(ctx)
			p.OnClose()
			return
		}
		p.waiting.Store(ctx)
	}
	p.Polling.OnRequest(ctx)
}

// DoClose closes the transport.
func (p *polling) DoClose(done types.Callable) {
	unanswered := p.Writable() // a request waits, and nothing is on its way to it
	p.Polling.DoClose(done)
	if ctx := p.waiting.Load(); unanswered && ctx != nil {
		p.sayClose(ctx)
	}
}

// sayClose answers with a payload of one CLOSE packet (Engine.IO v4: packet encoding; in v3 its
// length stands before it).
func (p *polling) sayClose(ctx *types.HttpContext) {
	if ctx.Context().Err() != nil {
		return // the client has gone, and with it what could be written to
	}
	payload := "1"
	if p.Protocol() == 3 {
		payload = "1:1"
	}
	ctx.ResponseHeaders().Set("Content-Type", "text/plain; charset=UTF-8")
	ctx.ResponseHeaders().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(ctx, payload)
}
