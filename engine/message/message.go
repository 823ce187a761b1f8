// Package message has what is sent to clients: messages of Engine.IO, each encoded once for each kind of connection that
// gets it.
package message

import (
	"encoding/base64"
	"errors"
	"sync"

	"chorus/engine/frame"

	"github.com/gobwas/ws"
)

// Packet types (Engine.IO protocol: packet encoding).
const (
	TypeOpen    = '0'
	TypeClose   = '1'
	TypePing    = '2'
	TypePong    = '3'
	TypeMessage = '4'
	TypeUpgrade = '5'
	TypeNoop    = '6'
)

// ErrPacket means that a client sent what is no packet of Engine.IO.
var ErrPacket = errors.New("engine: invalid packet")

// Part is one Engine.IO message: text, or binary.
type Part struct {
	Data   []byte
	Binary bool
}

// Options say how a message is delivered.
type Options struct {
	// Volatile drops the message for a client that is behind: one that has not taken what was
	// written before, or that is between two requests of long-polling.
	Volatile bool
	// Latest names what the message is the newest state of. Of those with the same name that wait
	// for a client which is behind, only the newest is kept; empty stands for all.
	Latest string
	// NoCompress sends the message without compression where that was negotiated.
	NoCompress bool
	// Done is called, in a goroutine of its own, when a message for one client is written, unless its session ends
	// before; nil stands for nothing.
	Done func()
}

// Message is what is written to one client or to many: the parts, which no other message comes
// between. It is encoded once for each kind of connection that gets it, and must not be changed.
type Message struct {
	opts    Options
	packets []Packet
	size    int // of the bytes for a WebSocket

	plain []byte // as frames for a WebSocket of Engine.IO 4, which most are

	mu     sync.Mutex
	others [KeptEncodings][]byte // as frames for other WebSockets, made when they are needed
	single [1]Packet
}

// Packet is one packet of Engine.IO: text begins with its type, binary is a message.
type Packet struct {
	Body   []byte
	Binary bool
}

// Encoding is what frames for a WebSocket depend on.
type Encoding uint8

// The encodings of which others need to know.
const (
	Plain         Encoding        = iota // Engine.IO 4
	deflated                             // Engine.IO 4 with permessage-deflate
	plain3                               // Engine.IO 3: binary begins with the packet's type
	deflated3                            // Engine.IO 3 with permessage-deflate
	KeptEncodings                        // how many there are of which frames are kept
	encoded       = KeptEncodings        // Engine.IO 4 with binary as base64 text
	encoded3      = encoded + 1          // Engine.IO 3 with binary as base64 text
)

// Kept reports whether frames are kept for other connections that get the same. Clients that take
// no binary are too few for that.
func (e Encoding) Kept() bool { return e < KeptEncodings }

// EncodingFor returns how the frames for a client are encoded.
func EncodingFor(protocol int, base64, deflate bool) Encoding {
	e, e3 := Plain, plain3
	switch {
	case base64:
		e, e3 = encoded, encoded3
	case deflate:
		e, e3 = deflated, deflated3
	}
	if protocol == 3 {
		return e3
	}
	return e
}

// New returns a message of one or more parts. It keeps no reference to their data.
func New(opts Options, parts ...Part) *Message {
	size := 0
	for _, p := range parts {
		size += ws.MaxHeaderSize + 1 + len(p.Data)
	}
	m := &Message{opts: opts, plain: make([]byte, 0, size)}
	m.packets = m.single[:0]
	for _, p := range parts {
		m.append(TypeMessage, p.Data, p.Binary)
	}
	m.size = len(m.plain)
	return m
}

// NewPacket returns a message that is one packet of any type.
func NewPacket(kind byte, data string) *Message {
	m := &Message{plain: make([]byte, 0, ws.MaxHeaderSize+1+len(data))}
	m.packets = m.single[:0]
	m.append(kind, []byte(data), false)
	m.size = len(m.plain)
	return m
}

// append adds a packet, as a frame and as a part that shares the frame's memory.
func (m *Message) append(kind byte, data []byte, binary bool) {
	if binary {
		m.plain = frame.AppendHeader(m.plain, ws.OpBinary, false, len(data))
	} else {
		m.plain = frame.AppendHeader(m.plain, ws.OpText, false, 1+len(data))
		m.plain = append(m.plain, kind)
	}
	m.plain = append(m.plain, data...)
	body := m.plain[len(m.plain)-len(data):]
	if !binary {
		body = m.plain[len(m.plain)-len(data)-1:]
	}
	m.packets = append(m.packets, Packet{Body: body, Binary: binary})
}

// NewClose returns a close frame (RFC 6455 section 5.5.1).
func NewClose(code ws.StatusCode) *Message {
	if code == ws.StatusNoStatusRcvd {
		return NewControl(ws.OpClose, nil)
	}
	return NewControl(ws.OpClose, ws.NewCloseFrameBody(code, ""))
}

// NewControl returns a WebSocket control frame (RFC 6455 section 5.5). It is no packet.
func NewControl(op ws.OpCode, data []byte) *Message {
	m := &Message{plain: append(frame.AppendHeader(nil, op, false, len(data)), data...)}
	m.size = len(m.plain)
	return m
}

// Frames returns the message as frames for a WebSocket.
func (m *Message) Frames(e Encoding, threshold int) []byte {
	switch {
	case e == Plain || len(m.packets) == 0:
		return m.plain
	case !e.Kept():
		return m.encode(e, threshold)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.others[e] == nil {
		m.others[e] = m.encode(e, threshold)
	}
	return m.others[e]
}

func (m *Message) encode(e Encoding, threshold int) []byte {
	b := make([]byte, 0, len(m.plain)+len(m.packets))
	for _, p := range m.packets {
		op, body := ws.OpText, p.Body
		switch {
		case !p.Binary:
		case e == encoded:
			body = base64.StdEncoding.AppendEncode([]byte("b"), body)
		case e == encoded3:
			body = base64.StdEncoding.AppendEncode([]byte("b4"), body)
		default:
			op = ws.OpBinary
			if e == plain3 || e == deflated3 {
				body = append([]byte{TypeMessage - '0'}, body...)
			}
		}
		compress := (e == deflated || e == deflated3) && !m.opts.NoCompress && len(body) >= threshold
		if compress {
			body = frame.Deflate(body)
		}
		b = append(frame.AppendHeader(b, op, compress, len(body)), body...)
	}
	return b
}

// Options returns how the message is delivered.
func (m *Message) Options() *Options { return &m.opts }

// Packets returns the packets of the message, which must not be changed. A control frame has none.
func (m *Message) Packets() []Packet { return m.packets }

// Size returns the bytes of the message for most WebSockets.
func (m *Message) Size() int { return m.size }

// Sent tells whoever wanted to know that the message is written.
func (m *Message) Sent() {
	if m.opts.Done != nil {
		go m.opts.Done() // ends with the callback: the shard must not wait for it
	}
}
