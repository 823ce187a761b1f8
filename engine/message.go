package engine

import (
	"chorus/engine/flow"
	"chorus/engine/frame"
	"chorus/engine/message"
)

type (
	// Part is one Engine.IO message: text, or binary.
	Part = message.Part
	// MessageOptions say how a message is delivered.
	MessageOptions = message.Options
	// Message is what is written to one client or to many: the parts, which no other message comes
	// between. It is encoded once for each kind of connection that gets it, and must not be changed.
	Message = message.Message
	// Queue is where the messages of a client wait for their handlers; *socket.Socket of the library is
	// one. Enqueue runs tasks one after the other, those that messages have become among them.
	Queue = flow.Queue
)

// Why a session is closed.
var (
	// ErrFrame means that a client broke the rules of WebSocket (RFC 6455).
	ErrFrame = frame.ErrFrame
	// ErrPayloadTooLarge means that a client sent more than Options.MaxPayload.
	ErrPayloadTooLarge = frame.ErrTooLarge
	// ErrPacket means that a client sent what is no packet of Engine.IO.
	ErrPacket = message.ErrPacket
)

// NewMessage returns a message of one or more parts. It keeps no reference to their data.
func NewMessage(opts MessageOptions, parts ...Part) *Message { return message.New(opts, parts...) }
