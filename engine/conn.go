package engine

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"chorus/engine/flow"
	"chorus/engine/message"
	"chorus/engine/outgoing"
	"chorus/engine/payload"
	"chorus/engine/request"
	"chorus/engine/wheel"
	"chorus/internal/emitter"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	eio "github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Reasons with which a session ends, as the library's "close" and "disconnect" events have them.
const (
	// ReasonSlowConsumer: the client did not take what it was sent, see Options.MaxBuffer.
	ReasonSlowConsumer = "slow consumer"

	reasonTransportClose = "transport close"
	reasonTransportError = "transport error"
	reasonParseError     = "parse error"
	reasonPingTimeout    = "ping timeout"
	reasonForcedClose    = "forced close"
	reasonShutdown       = "server shutting down"
)

// Conn is a session of Engine.IO: one client, on one transport or, while it upgrades, two. It is
// safe for concurrent use.
//
// It is the library's engine.Socket. Its listeners hear
//   - "data" and "message" with each message of the client, a *types.StringBuffer or, for binary, a
//     *types.BytesBuffer; text is valid during the call only;
//   - "packet" and "heartbeat";
//   - "upgrading" and "upgrade" with the transport;
//   - "close", once, with the reason, a string, and an error or nil.
type Conn struct {
	out output // belongs to the shard; the first, so that what a delivery touches is in one line of the cache

	emitter.Emitter

	server   *Server
	shard    *shard
	id       string
	protocol int
	born     time.Time
	request  *request.Compact // of the handshake
	context  weak.Pointer[types.HttpContext]
	address  string // what counts for Options.MaxConnectionsPerAddress

	base64       bool // the client takes no binary
	beganPolling bool

	state     atomic.Int32
	behind    atomic.Bool // a volatile message would be dropped
	websocket atomic.Bool // the transport is a WebSocket
	upgrading atomic.Bool
	waiting   atomic.Pointer[poll] // the GET request that waits for its answer
	polls     atomic.Uint64        // GET requests so far
	posting   atomic.Bool          // a POST request is being read
	cancelled atomic.Bool          // the client has cancelled a GET request
	received  atomic.Uint64        // messages of the client

	timer      wheel.Timer[*Conn]
	beat       beat
	flow       flow.Flow
	member     membership
	unfinished *unfinished // nil until a packet has attachments
	gatherer   message.Gatherer

	bounds  Guard // nil for none
	unpaced int   // bytes that it does not know of; belongs to the goroutine that reads

	mu     sync.Mutex
	socket *webSocket // of the transport, when that is a WebSocket
	probe  *webSocket // that the client tries
	known  bool       // the listeners of "connection" have returned
	over   bool       // the session has ended
	cause  *closing   // why, once that is certain
}

// output is what the shard knows of a connection.
type output struct {
	node    *outgoing.Node // what the batch at hand has for it
	socket  *webSocket     // where to write; nil while the transport is polling
	stamp   uint64
	sent    atomic.Uint64 // messages for it, up to the last batch
	blocked bool          // the shard will be told when the link takes something again
	probing bool          // requests that wait are freed at once
	closing bool          // to be closed when all is written
	ended   bool
	back    outgoing.Backlog
	poll    *poll       // the request that waits for something
	last    *lastAnswer // nil for none
}

// closing is why a session ends: what the listeners of "close" get.
type closing struct {
	reason string
	err    error
}

// States of a session.
const (
	stateOpen int32 = iota
	stateClosing
	stateClosed
)

var _ eio.Socket = (*Conn)(nil)

// Id returns the id of the session. Whoever knows it can speak for the client: it is not for logs.
func (c *Conn) Id() string { return c.id } //nolint:revive // the library's name

// Protocol returns the revision of Engine.IO that the client speaks: 4, or 3.
func (c *Conn) Protocol() int { return c.protocol }

// Request returns the request of the handshake. It has been answered: there is no body to read and
// nothing to write to.
// It is made when it is asked for, since it takes a kilobyte and is of use at the beginning only.
func (c *Conn) Request() *types.HttpContext {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx := c.context.Value()
	if ctx == nil {
		ctx = newContext(c.request)
		c.context = weak.Make(ctx)
	}
	return ctx
}

// RemoteAddress returns where the handshake came from, see Options.RemoteAddress.
func (c *Conn) RemoteAddress() string { return c.address }

// Transport returns the library's view of the current transport.
func (c *Conn) Transport() transports.Transport { return (*transport)(c) }

// ReadyState returns "open", "closing" or "closed".
func (c *Conn) ReadyState() string {
	switch c.state.Load() {
	case stateOpen:
		return "open"
	case stateClosing:
		return "closing"
	default:
		return "closed"
	}
}

// SetReadyState does nothing: a session ends with Close.
func (c *Conn) SetReadyState(string) {}

// Upgraded tells whether the session has gone from polling to WebSocket.
func (c *Conn) Upgraded() bool { return c.websocket.Load() && c.beganPolling }

// Upgrading tells whether the client is trying a WebSocket.
func (c *Conn) Upgrading() bool { return c.upgrading.Load() }

// Construct does nothing: sessions are made by their Server.
func (c *Conn) Construct(string, eio.BaseServer, transports.Transport, *types.HttpContext, int) {}

// MaybeUpgrade does nothing: the Server upgrades sessions.
func (c *Conn) MaybeUpgrade(transports.Transport) {}

// Send sends a message: text from a *types.StringBuffer or *strings.Reader, binary from any other
// reader. sent, unless it is nil, is called when it is written. After the session's end it does
// nothing.
func (c *Conn) Send(data io.Reader, opts *packet.Options, sent eio.SendCallback) eio.Socket {
	part, err := readPart(data)
	if err != nil {
		c.server.log.Debug("message not sent", slog.Any("error", err))
		return c
	}
	var done func()
	if sent != nil {
		done = func() { sent(c.Transport()) }
	}
	if c.server.opts.OnSend != nil && !part.Binary {
		c.server.opts.OnSend(c, part.Data)
	}
	noCompress := opts != nil && opts.Compress != nil && !*opts.Compress
	if m := c.gatherer.Send(part, noCompress, done); m != nil {
		c.SendMessage(m)
	}
	return c
}

// Write is Send.
func (c *Conn) Write(data io.Reader, opts *packet.Options, sent eio.SendCallback) eio.Socket {
	return c.Send(data, opts, sent)
}

// SendMessage sends a message. After the session's end it does nothing.
func (c *Conn) SendMessage(m *Message) {
	if c.state.Load() == stateOpen {
		c.shard.push(entry{conn: c, msg: m})
	}
}

// readPart reads what the library calls a packet's data.
func readPart(data io.Reader) (Part, error) {
	switch v := data.(type) {
	case *types.StringBuffer:
		return Part{Data: v.Bytes()}, nil
	case types.BufferInterface:
		return Part{Data: v.Bytes(), Binary: true}, nil
	}
	_, text := data.(*strings.Reader)
	content, err := io.ReadAll(data)
	return Part{Data: content, Binary: !text}, err
}

// Close ends the session. What waits is sent first, for at most closeTimeout, unless discard is
// set. The client is told; "close" has the reason "forced close".
func (c *Conn) Close(discard bool) {
	if c.state.CompareAndSwap(stateOpen, stateClosing) || discard && c.state.Load() == stateClosing {
		c.setTimer(closeTimeout)
		c.shard.do(c, func(s *shard, c *Conn) { s.close(c, discard) })
	}
}

// Retire is Close(true) of a server that shuts down: "close" has the reason "server shutting down".
func (c *Conn) Retire() {
	c.blame(reasonShutdown, nil)
	c.Close(true)
}

// Leave is Close(false) of a server that shuts down: what waits is written first.
func (c *Conn) Leave() {
	c.blame(reasonShutdown, nil)
	c.Close(false)
}

// mayBlock is called in a turn of the poller before a handler waits: the poller goes on without it.
func (c *Conn) mayBlock() {
	c.mu.Lock()
	socket := c.socket
	c.mu.Unlock()
	if socket != nil {
		socket.MayWait()
	}
}

// closeTimeout is how long a session may take to end, see Conn.closeTimeout.
const closeTimeout = 5 * time.Second

// blame fixes the reason of the session's end before it ends. The first reason counts.
func (c *Conn) blame(reason string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = &closing{reason: reason, err: err}
	}
}

// end ends the session now. The first reason counts.
func (c *Conn) end(reason string, err error) {
	if c.state.Swap(stateClosed) == stateClosed {
		return
	}
	c.server.clients.Delete(c.id) // before anybody hears of the end
	c.blame(reason, err)
	c.mu.Lock()
	socket, probe, known, cause := c.socket, c.probe, c.known, *c.cause
	c.over = true
	c.unfinished.drop()
	c.mu.Unlock()
	c.flow.End()
	if known {
		c.server.goes.Go(func() { c.tell(cause) }) // ends with the listeners of "close"
	}
	c.shard.do(c, (*shard).release)
	if socket != nil && !socket.Finished() {
		_ = socket.Close()
	}
	if probe != nil {
		_ = probe.Close()
	}
	c.server.forget(c) // with the last session, the shards and their pollers end
	c.server.logEnd(c, cause.reason, cause.err)
}

// tell calls the listeners of "close", after the handlers of what the client sent before.
func (c *Conn) tell(cause closing) {
	limit := c.server.opts.HandlerTimeout
	if cause.reason == reasonForcedClose || cause.reason == reasonShutdown {
		limit = min(limit, closeTimeout)
	}
	c.flow.Settle(limit)
	c.left(c.flow.Release())
	time.Sleep(youth - time.Since(c.born))
	_ = c.server.guard(func() error { c.Emit("close", cause.reason, cause.err); return nil })
}

// Messages returns how many messages the client has sent and was sent.
func (c *Conn) Messages() (received, sent uint64) { return c.received.Load(), c.out.sent.Load() }

// youth is how old a session is at least when its listeners are told that it has ended. The library
// starts a timer for clients that join no namespace, in a goroutine of its own, and a stop that comes
// before that goroutine has begun is lost: it would wait for ever.
const youth = 20 * time.Millisecond

// announce calls the listeners of "connection" and, if the session has ended meanwhile, then those
// of "close".
func (c *Conn) announce() {
	if err := c.server.guard(func() error { c.server.Emit("connection", c); return nil }); err != nil {
		c.end(reasonTransportError, err)
	}
	c.mu.Lock()
	c.known = true
	over, cause := c.over, c.cause
	c.mu.Unlock()
	if over {
		c.tell(*cause)
	}
}

// onMessage hands a message of the client to the listeners.
func (c *Conn) onMessage(data []byte, binary bool) error {
	c.flow.Count(len(data))
	c.server.stats.Received.Add(1)
	c.received.Add(1)
	if err := errors.Join(c.checkJoined(data, binary), c.followPacket(data, binary)); err != nil {
		return err
	}
	if handled, err := c.guarded(data, binary); !handled || err != nil {
		return err
	}
	var value types.BufferInterface
	if binary {
		value = types.NewBytesBuffer(bytes.Clone(data)) // parsers keep attachments
	} else {
		value = types.NewStringBuffer(data)
	}
	if !binary && isDisconnect(data) {
		c.settle() // the library would discard what waits in the socket's queue
	}
	c.Emit("data", value)
	c.Emit("message", value)
	return nil
}

// isDisconnect reports whether a message is a DISCONNECT packet (Socket.IO protocol: packet types).
func isDisconnect(text []byte) bool {
	return len(text) > 0 && text[0] == '1' && (len(text) == 1 || text[1] == '/')
}

// onPacket does what a packet of the client asks for (Engine.IO protocol: packet types).
func (c *Conn) onPacket(p message.Packet) error {
	if c.state.Load() == stateClosed {
		return errClosed
	}
	c.unpaced += len(p.Body)
	kind, data := byte(message.TypeMessage), p.Body
	if !p.Binary {
		if len(p.Body) == 0 {
			return ErrPacket
		}
		kind, data = p.Body[0], p.Body[1:]
	}
	if c.ListenerCount("packet") > 0 {
		c.Emit("packet", payload.LibraryPacket(kind, bytes.Clone(data), p.Binary))
	}
	switch kind {
	case message.TypeMessage:
		return c.onMessage(data, p.Binary)
	case message.TypePing, message.TypePong:
		return c.onHeartbeat(kind)
	case message.TypeClose:
		return errClosedByClient
	case message.TypeOpen, message.TypeUpgrade, message.TypeNoop:
		return nil
	default:
		return ErrPacket
	}
}
