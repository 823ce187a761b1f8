package node

import (
	"net/http"
	"sync/atomic"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// The library's engine runs in parallel what Node.js runs one after the other, and so it answers
// a client before it is ready for what the client says next, and it leaves goroutines and requests
// behind when a session ends. What is here closes these gaps.

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
	// A connection that the client closes would leave its writing goroutine behind. DoClose raises
	// the same event again, which is not possible from inside of it; it ends at once.
	_ = t.On("close", func(...any) { go t.DoClose(nil) })
	return t
}

type pollingBuilder struct{ *transports.PollingBuilder }

// New implements transports.TransportCtor.
func (pollingBuilder) New(ctx *types.HttpContext) transports.Transport {
	p := &polling{Polling: transports.MakePolling()}
	if jsonp := ctx.Query().Has("j"); jsonp {
		p.Polling = transports.MakeJSONP()
	}
	p.Prototype(p)
	p.Construct(ctx)
	// The transport becomes writable with its first request, which makes the session.
	_ = p.Once("ready", func(...any) { p.SetWritable(false) })
	return p
}

// polling answers the request that waits when the server closes the session; the library's own
// leaves it waiting for as long as the client does. And when the client closes the session it ends
// the transport's writing goroutine.
type polling struct {
	transports.Polling
	waiting atomic.Pointer[types.HttpContext]
}

// OnRequest is called with each request of the session.
func (p *polling) OnRequest(ctx *types.HttpContext) {
	switch {
	case ctx.Method() != http.MethodGet:
		p.Polling.OnRequest(ctx)
		if p.ReadyState() == "closed" {
			p.Discard() // there is nobody to say more to
			p.Polling.DoClose(nil)
		}
	case p.ReadyState() != "open":
		ctx.Cleanup = func() {}
		p.sayClose(ctx)
		p.OnClose()
	default:
		p.waiting.Store(ctx)
		p.Polling.OnRequest(ctx)
	}
}

// DoClose closes the transport.
func (p *polling) DoClose(done types.Callable) {
	unanswered := p.Writable() // a request waits, and nothing is on its way to it
	p.Polling.DoClose(done)
	if ctx := p.waiting.Load(); unanswered && ctx != nil {
		p.sayClose(ctx)
	}
}

// sayClose answers with a CLOSE packet (Engine.IO v4: packet types).
func (p *polling) sayClose(ctx *types.HttpContext) {
	if ctx.Context().Err() != nil {
		return // the client has gone, and with it what could be written to
	}
	payload, err := p.Parser().EncodePayload([]*packet.Packet{{Type: packet.CLOSE}}, p.SupportsBinary())
	if err != nil {
		return // it cannot be: the packet has no data
	}
	p.DoWrite(ctx, payload, nil, func(error) {})
}
