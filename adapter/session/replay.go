package session

import (
	"chorus/adapter/history"
	"chorus/adapter/rooms"
	"chorus/adapter/wire"
	"chorus/engine"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// replay is what a message that is remembered does for clients that have missed it, worked out once for all of them.
type replay struct {
	message *wire.Message // nil when it was not understood
	encoded []types.BufferInterface
	ready   *engine.Message // the same
	bytes   int             // of that
	acked   bool            // a client was asked to acknowledge it
}

// replayOf returns that of a message, of which the namespace is that of r.
func (r *sessions) replayOf(m *history.Message) *replay {
	p, _ := m.Once(func() any { return r.newReplay(m) }).(*replay)
	return p
}

func (r *sessions) newReplay(h *history.Message) *replay {
	p := &replay{}
	m, err := h.Entry.Message()
	if err != nil || m.Decode(r.Raw) != nil {
		return p // it is logged where it was received
	}
	p.message = m
	if m.Kind != wire.Broadcast || m.Opts.Flags.Volatile || m.Opts.ForPeers() {
		return p
	}
	if m.DecodePacket(m.Nsp, r.Raw) != nil {
		return p
	}
	packet := m.Packet
	p.message = &wire.Message{Kind: m.Kind, Server: m.Server, Opts: m.Opts} // encoded is the rest
	marked := rooms.WithOffset(packet, &m.Opts.Flags, h.ID.String())
	p.acked = packet.Id != nil
	if m.Server != r.Server {
		marked.Id = nil
	}
	p.encoded = r.Local.Nsp().Server().Encoder().Encode(marked)
	for _, part := range p.encoded {
		p.bytes += part.Len()
	}
	if len(p.encoded) > 0 {
		p.ready = rooms.NewMessage(p.encoded, &p.message.Opts.Flags, "", nil)
	}
	return p
}
