package adapter

import (
	"sync"

	"chorus/engine"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// replay is what a message that is remembered says to those who have missed it, worked out once for all of them.
type replay struct {
	once    sync.Once
	said    *clusterMessage // nil when it was not understood
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
			p.message = message(p.encoded, &p.said.opts.flags, "", nil)
		}
	})
	return p
}

func (p *replay) read(r *recovery, k *kept) {
	f, err := k.entry.frame()
	if err != nil {
		return // it was complained of
	}
	m, err := f.message(r.raw)
	if err != nil {
		return
	}
	p.said = m
	if m.kind != kindBroadcast || m.opts.flags.Volatile {
		return
	}
	packet, err := f.readPacket(f.nsp, r.raw)
	if err != nil {
		return
	}
	marked := withOffset(packet, &m.opts.flags, k.id.String())
	p.acked = packet.Id != nil
	if m.uid != r.holder {
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
