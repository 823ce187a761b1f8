package adapter

import (
	"sync"

	"chorus/adapter/wire"
	"chorus/engine"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// replay is what a message that is remembered says to those who have missed it, worked out once for all of them.
type replay struct {
	once    sync.Once
	said    *wire.Message // nil when it was not understood
	encoded []types.BufferInterface
	message *engine.Message // the same
	bytes   int             // of that
	acked   bool            // a client was asked to acknowledge it
}

// replayOf returns that of a message, of which the namespace is that of r.
func (r *recovery) replayOf(k *kept) *replay {
	p := k.replay
	p.once.Do(func() {
		if k.entry != nil {
			p.read(r, k)
		}
		if len(p.encoded) > 0 {
			p.message = message(p.encoded, &p.said.Opts.Flags, "", nil)
		}
	})
	return p
}

func (p *replay) read(r *recovery, k *kept) {
	m, err := k.entry.Message()
	if err != nil || m.Decode(r.raw) != nil {
		return // it is logged where it was received
	}
	p.said = m
	if m.Kind != wire.Broadcast || m.Opts.Flags.Volatile {
		return
	}
	if m.DecodePacket(m.Nsp, r.raw) != nil {
		return
	}
	packet := m.Packet
	p.said = &wire.Message{Kind: m.Kind, Server: m.Server, Opts: m.Opts} // encoded is the rest
	marked := withOffset(packet, &m.Opts.Flags, k.id.String())
	p.acked = packet.Id != nil
	if m.Server != r.holder {
		marked.Id = nil
	}
	p.encode(r.local.nsp.Server().Encoder().Encode(marked))
}

// encode takes the encoded event.
func (p *replay) encode(encoded []types.BufferInterface) {
	p.encoded = encoded
	for _, part := range encoded {
		p.bytes += part.Len()
	}
}
