package engine

import (
	epacket "github.com/zishang520/socket.io/parsers/engine/v3/packet"
	eparser "github.com/zishang520/socket.io/parsers/engine/v3/parser"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// The transports that there are.
const (
	Polling   = "polling"
	WebSocket = "websocket"
)

// transport is a Conn as the library's Transport. Programs ask it for its name, and the library
// whether it is writable; the rest is what the library's own transports need among themselves and
// does nothing here. Its events are those of the Conn.
type transport Conn

var _ transports.Transport = (*transport)(nil)

// Name returns "polling" or "websocket".
func (t *transport) Name() string {
	if t.websocket.Load() {
		return WebSocket
	}
	return Polling
}

// Writable tells whether a volatile message would be written now.
func (t *transport) Writable() bool { return !t.behind.Load() }

// Sid returns the id of the session.
func (t *transport) Sid() string { return t.id }

// Protocol returns the revision of Engine.IO.
func (t *transport) Protocol() int { return t.protocol }

// ReadyState returns "open", "closing" or "closed".
func (t *transport) ReadyState() string { return (*Conn)(t).ReadyState() }

// SupportsBinary returns true: the transports encode binary where they have to.
func (t *transport) SupportsBinary() bool { return true }

// HandlesUpgrades tells whether the transport is a WebSocket.
func (t *transport) HandlesUpgrades() bool { return t.websocket.Load() }

// Parser returns the library's parser of the session's protocol.
func (t *transport) Parser() eparser.Parser {
	if t.protocol == 3 {
		return eparser.Parserv3()
	}
	return eparser.Parserv4()
}

// Close closes the session.
func (t *transport) Close(done ...types.Callable) {
	(*Conn)(t).Close(false)
	for _, f := range done {
		f()
	}
}

// MaxHttpBufferSize returns Options.MaxPayload.
func (t *transport) MaxHttpBufferSize() int64 { return t.server.opts.MaxPayload } //nolint:revive // the library's name

func (t *transport) Prototype(transports.Transport)                {}
func (t *transport) Proto() transports.Transport                   { return t }
func (t *transport) SetSid(string)                                 {}
func (t *transport) SetWritable(bool)                              {}
func (t *transport) SetSupportsBinary(bool)                        {}
func (t *transport) SetReadyState(string)                          {}
func (t *transport) SetHttpCompression(*types.HttpCompression)     {} //nolint:revive // the library's name
func (t *transport) SetPerMessageDeflate(*types.PerMessageDeflate) {}
func (t *transport) SetMaxHttpBufferSize(int64)                    {} //nolint:revive // the library's name
func (t *transport) Discarded() bool                               { return false }
func (t *transport) HttpCompression() *types.HttpCompression       { return nil } //nolint:revive // the library's name
func (t *transport) PerMessageDeflate() *types.PerMessageDeflate   { return nil }
func (t *transport) Construct(*types.HttpContext)                  {}
func (t *transport) Discard()                                      {}
func (t *transport) OnRequest(*types.HttpContext)                  {}
func (t *transport) OnError(string, error)                         {}
func (t *transport) OnPacket(*epacket.Packet)                      {}
func (t *transport) OnData(types.BufferInterface)                  {}
func (t *transport) OnClose()                                      {}
func (t *transport) Send([]*epacket.Packet)                        {}
func (t *transport) DoClose(types.Callable)                        {}
