package engine

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/rs/cors"
)

// Defaults of Options.
const (
	DefaultPingInterval   = 25 * time.Second
	DefaultPingTimeout    = 20 * time.Second
	DefaultUpgradeTimeout = 10 * time.Second
	DefaultBodyTimeout    = 30 * time.Second
	DefaultHandlerTimeout = time.Minute

	// DefaultMaxPayload is 1 MB, as with Node.js.
	DefaultMaxPayload = 1_000_000

	// DefaultMaxBuffer is 1 MiB.
	DefaultMaxBuffer = 1 << 20

	// DefaultMaxUnprocessed messages of one client may wait for their handlers.
	DefaultMaxUnprocessed = 256

	// DefaultMaxBodyPackets is far above what the official client gathers for one request.
	DefaultMaxBodyPackets = 1000

	// DefaultMaxConnections is what fits into a few gigabytes.
	DefaultMaxConnections = 100_000

	// DefaultDeflateThreshold in bytes, as with Node.js.
	DefaultDeflateThreshold = 1024
)

// Options are the options of a Server. The zero value is useful: zero stands for the default.
type Options struct {
	// PingInterval is the time between heartbeats; default DefaultPingInterval.
	PingInterval time.Duration
	// PingTimeout is how long a client may take to answer a heartbeat, after which it is closed
	// with the reason "ping timeout"; default DefaultPingTimeout.
	PingTimeout time.Duration
	// UpgradeTimeout ends an upgrade that is not completed; default DefaultUpgradeTimeout.
	UpgradeTimeout time.Duration
	// BodyTimeout bounds how long the body of a long-polling request may take to arrive, the
	// attachments of a packet to follow it, and an answer to be taken; default DefaultBodyTimeout. The limits for what comes before, headers
	// and idle connections, are those of the http.Server.
	BodyTimeout time.Duration

	// HandlerTimeout is how long the end of a session waits for the handlers of messages that came
	// before it; default DefaultHandlerTimeout. Then "close" is emitted and the rest is dropped.
	// When the server itself closes a session, the wait is at most 5 seconds.
	HandlerTimeout time.Duration

	// MaxPayload is the largest message of a client, in bytes, together with its attachments, and
	// the largest body of a long-polling request; default DefaultMaxPayload. A larger one closes the session.
	MaxPayload int64
	// MaxBodyPackets is how many packets one body may hold; default DefaultMaxBodyPackets. More
	// close the session.
	MaxBodyPackets int
	// MaxBuffer is how many bytes may wait for a client that does not take them; default
	// DefaultMaxBuffer. More close it with ReasonSlowConsumer. One message alone may be larger.
	MaxBuffer int
	// MaxUnprocessed is how many messages of a client may wait for their handlers before the
	// engine reads no more of it; default DefaultMaxUnprocessed. See Conn.Follow.
	MaxUnprocessed int
	// MaxConnections is how many sessions there may be; default DefaultMaxConnections. Further
	// ones are refused with 503.
	MaxConnections int
	// MaxConnectionsPerAddress is how many sessions one address may have, or one /64 network of
	// IPv6; 0 stands for no limit but MaxConnections: behind a load balancer all clients have one address, unless
	// RemoteAddress says otherwise.
	MaxConnectionsPerAddress int

	// Admission bounds sessions that have joined no namespace; nil stands for no such bounds.
	Admission *Admission

	// AllowEIO3 lets clients of Engine.IO 3 in, which are those of Socket.IO 2.
	AllowEIO3 bool
	// Transports that are offered: "polling" and "websocket", the default being both.
	Transports []string
	// NoUpgrades keeps sessions on the transport that they begin with.
	NoUpgrades bool

	// Deflate offers permessage-deflate (RFC 7692) for messages from DeflateThreshold bytes on,
	// without context takeover, so that a broadcast is compressed once. It costs CPU time; default
	// off.
	Deflate bool
	// DeflateThreshold in bytes; default DefaultDeflateThreshold.
	DeflateThreshold int

	// NoHTTPCompression leaves the answers of long-polling as they are. Otherwise answers of 1 KiB
	// and more are compressed with brotli or gzip for clients that accept it, except those that
	// hold the ids of a session or a message with NoCompress.
	NoHTTPCompression bool

	// CORS answers for web pages of other origins; nil stands for no answer. It does not keep
	// WebSockets of foreign pages out, to which browsers do not apply it: see AllowRequest.
	CORS *cors.Options
	// AllowRequest decides on a handshake. An error refuses it with 403 and code 4; the client
	// gets the error's text.
	AllowRequest func(*http.Request) error
	// Cookie is set with every handshake, its value being the session's id, for load balancers
	// that look at it; nil stands for none. A missing name is "io", a missing path "/".
	Cookie *http.Cookie
	// GenerateID returns the id of a new session, which must be unique and not to be guessed;
	// default 120 random bits.
	GenerateID func(*http.Request) string
	// RemoteAddress tells where a request comes from; default its RemoteAddr. Behind a proxy it
	// may read a header that the proxy sets.
	RemoteAddress func(*http.Request) string

	// OnSend is called with each text that Conn.Send sends, before it goes: packets for this client
	// alone, not broadcasts. It must not keep the bytes, nor block; nil stands for nothing.
	OnSend func(c *Conn, text []byte)

	// Guard returns what bounds a new session; nil stands for no bounds.
	Guard func(c *Conn) Guard

	// ExplainUnknown returns what the answer about an unknown session says besides, such as the setting that
	// makes it known; empty for nothing. nil stands for nothing.
	ExplainUnknown func(sid string) string

	// Logger gets what ends sessions, at level debug; nil stands for no log.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	set(&o.PingInterval, DefaultPingInterval)
	set(&o.PingTimeout, DefaultPingTimeout)
	set(&o.UpgradeTimeout, DefaultUpgradeTimeout)
	set(&o.BodyTimeout, DefaultBodyTimeout)
	set(&o.HandlerTimeout, DefaultHandlerTimeout)
	set(&o.MaxPayload, DefaultMaxPayload)
	set(&o.MaxBodyPackets, DefaultMaxBodyPackets)
	set(&o.MaxBuffer, DefaultMaxBuffer)
	set(&o.MaxUnprocessed, DefaultMaxUnprocessed)
	set(&o.MaxConnections, DefaultMaxConnections)
	set(&o.DeflateThreshold, DefaultDeflateThreshold)
	o.Admission = o.Admission.withDefaults(o.MaxConnections)
	if len(o.Transports) == 0 {
		o.Transports = []string{Polling, WebSocket}
	}
	if o.GenerateID == nil {
		o.GenerateID = func(*http.Request) string { return newID() }
	}
	if o.RemoteAddress == nil {
		o.RemoteAddress = func(r *http.Request) string { return r.RemoteAddr }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func set[T int | int64 | time.Duration](option *T, value T) {
	if *option <= 0 {
		*option = value
	}
}
