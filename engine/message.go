package engine

import (
	"encoding/base64"
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Packet types (Engine.IO protocol: packet encoding).
const (
	packetOpen    = '0'
	packetClose   = '1'
	packetPing    = '2'
	packetPong    = '3'
	packetMessage = '4'
	packetUpgrade = '5'
	packetNoop    = '6'
)

// Part is one Engine.IO message: text, or binary.
type Part struct {
	Data   []byte
	Binary bool
}

// MessageOptions say how a message is delivered.
type MessageOptions struct {
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
	opts  MessageOptions
	parts []part
	size  int // of the bytes for a WebSocket
	done  func()

	plain []byte // as frames for a WebSocket of Engine.IO 4, which most are

	mu     sync.Mutex
	others [keptEncodings][]byte // as frames for other WebSockets, made when they are needed
	single [1]part
}

// part is one Engine.IO packet: text begins with its type, binary is a message.
type part struct {
	body   []byte
	binary bool
}

// encoding is what frames for a WebSocket depend on.
type encoding uint8

const (
	plain         encoding        = iota // Engine.IO 4
	deflated                             // Engine.IO 4 with permessage-deflate
	plain3                               // Engine.IO 3: binary begins with the packet's type
	deflated3                            // Engine.IO 3 with permessage-deflate
	keptEncodings                        // how many there are of which frames are kept
	encoded       = keptEncodings        // Engine.IO 4 with binary as base64 text
	encoded3      = encoded + 1          // Engine.IO 3 with binary as base64 text
)

// kept reports whether frames are kept for other connections that get the same. Clients that take
// no binary are too few for that.
func (e encoding) kept() bool { return e < keptEncodings }

// encodingOf returns how the frames for a client are encoded.
func encodingOf(protocol int, base64, deflate bool) encoding {
	e, e3 := plain, plain3
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

// NewMessage returns a message of one or more parts. It keeps no reference to their data.
func NewMessage(opts MessageOptions, parts ...Part) *Message {
	size := 0
	for _, p := range parts {
		size += ws.MaxHeaderSize + 1 + len(p.Data)
	}
	m := &Message{opts: opts, done: opts.Done, plain: make([]byte, 0, size)}
	m.parts = m.single[:0]
	for _, p := range parts {
		m.append(packetMessage, p.Data, p.Binary)
	}
	m.size = len(m.plain)
	return m
}

// newPacket returns a message that is one packet of any type.
func newPacket(kind byte, data string) *Message {
	m := &Message{plain: make([]byte, 0, ws.MaxHeaderSize+1+len(data))}
	m.parts = m.single[:0]
	m.append(kind, []byte(data), false)
	m.size = len(m.plain)
	return m
}

// append adds a packet, as a frame and as a part that shares the frame's memory.
func (m *Message) append(kind byte, data []byte, binary bool) {
	if binary {
		m.plain = appendHeader(m.plain, ws.OpBinary, false, len(data))
	} else {
		m.plain = appendHeader(m.plain, ws.OpText, false, 1+len(data))
		m.plain = append(m.plain, kind)
	}
	m.plain = append(m.plain, data...)
	body := m.plain[len(m.plain)-len(data):]
	if !binary {
		body = m.plain[len(m.plain)-len(data)-1:]
	}
	m.parts = append(m.parts, part{body: body, binary: binary})
}

// newControl returns a WebSocket control frame (RFC 6455 section 5.5). It is no packet.
func newControl(op ws.OpCode, data []byte) *Message {
	m := &Message{plain: append(appendHeader(nil, op, false, len(data)), data...)}
	m.size = len(m.plain)
	return m
}

// appendHeader appends the header of a frame of a server, which is not masked (RFC 6455
// section 5.2).
func appendHeader(b []byte, op ws.OpCode, compressed bool, n int) []byte {
	first := 0x80 | byte(op)
	if compressed {
		first |= 0x40 // RSV1 (RFC 7692 section 6)
	}
	switch {
	case n < 126:
		return append(b, first, byte(n))
	case n < 1<<16:
		return append(b, first, 126, byte(n>>8), byte(n))
	default:
		return append(b, first, 127, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
}

// frames returns the message as frames for a WebSocket.
func (m *Message) frames(e encoding, threshold int) []byte {
	switch {
	case e == plain || len(m.parts) == 0:
		return m.plain
	case !e.kept():
		return m.encode(e, threshold)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.others[e] == nil {
		m.others[e] = m.encode(e, threshold)
	}
	return m.others[e]
}

func (m *Message) encode(e encoding, threshold int) []byte {
	b := make([]byte, 0, len(m.plain)+len(m.parts))
	for _, p := range m.parts {
		op, body := ws.OpText, p.body
		switch {
		case !p.binary:
		case e == encoded:
			body = base64.StdEncoding.AppendEncode([]byte("b"), body)
		case e == encoded3:
			body = base64.StdEncoding.AppendEncode([]byte("b4"), body)
		default:
			op = ws.OpBinary
			if e == plain3 || e == deflated3 {
				body = append([]byte{packetMessage - '0'}, body...)
			}
		}
		compress := (e == deflated || e == deflated3) && !m.opts.NoCompress && len(body) >= threshold
		if compress {
			body = deflate(body)
		}
		b = append(appendHeader(b, op, compress, len(body)), body...)
	}
	return b
}

// separator stands between the packets of a payload (Engine.IO v4: HTTP long-polling).
const separator = 0x1e

// appendPayload appends the packets of the message to a payload of Engine.IO 4.
func (m *Message) appendPayload(b []byte) []byte {
	for _, p := range m.parts {
		if len(b) > 0 {
			b = append(b, separator)
		}
		if p.binary {
			b = base64.StdEncoding.AppendEncode(append(b, 'b'), p.body)
			continue
		}
		b = append(b, p.body...)
	}
	return b
}

// sent tells whoever wanted to know that the message is written.
func (m *Message) sent() {
	if m.done != nil {
		go m.done() // ends with the callback: the shard must not wait for it
	}
}

func validText(b []byte) bool { return utf8.Valid(b) }
