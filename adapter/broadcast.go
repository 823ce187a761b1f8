package adapter

import (
	"slices"
	"time"

	"chorus/adapter/wire"
	"chorus/engine"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Broadcast sends a packet to the matching sockets of this node. It is encoded once, whatever
// the number of receivers.
func (l *local) Broadcast(packet *parser.Packet, opts *socket.BroadcastOptions) {
	_ = l.post(packet, opts, "") // what cannot be sent the parser or post has said
}

// post is Broadcast for Publish and PublishLatest as well.
func (l *local) post(packet *parser.Packet, opts *socket.BroadcastOptions, latest string) error {
	// What goes to the cluster as well is remembered when it comes back.
	if l.recovery == nil || l.recovery.far != nil || wire.FlagsOf(opts).Local || wire.FlagsOf(opts).Volatile {
		l.broadcast(packet, opts, latest, "")
		return nil
	}
	return l.recovery.post(packet, wire.NewOptions(opts), latest)
}

// broadcast is Broadcast of a packet that may be the newest of a name, see [Publisher.PublishLatest], and that
// may have an offset, see withOffset.
func (l *local) broadcast(packet *parser.Packet, opts *socket.BroadcastOptions, latest, offset string) {
	rooms, except := wire.Targets(opts)
	to, without := l.index.audiences(rooms, except)
	if l.recovery != nil && wire.FlagsOf(opts).Local {
		// Nothing repeats it for those who are not in an audience yet, being brought up to date.
		matching := l.match(opts)
		if to, without = nil, nil; len(matching) > 0 {
			to = append(to, audienceOf(matching))
		}
	}
	if len(to) > 0 {
		l.deliver(l.addressed(packet), wire.FlagsOf(opts), latest, offset, to, without)
	}
}

// BroadcastWithAck sends a packet to the matching sockets of this node, says how many they are,
// and calls ack once for each answer with one value: what the client's first argument was, or
// nil. The answers still missing after flags.Timeout are no longer waited for.
func (l *local) BroadcastWithAck(packet *parser.Packet, opts *socket.BroadcastOptions, clientCount func(uint64), ack socket.Ack) {
	flags := wire.FlagsOf(opts)
	sockets := l.match(opts)

	// One id serves all receivers: the counter belongs to the namespace.
	id := l.nsp.Ids()
	addressed := l.addressed(packet)
	addressed.Id = &id

	answer := func(args []any, err error) { ack(ackValue(args, flags), err) }
	for _, s := range sockets {
		s.Acks().Store(id, answer)
	}
	if flags.Timeout != nil {
		// A client that never answers must not leave its callback behind on the socket.
		time.AfterFunc(*flags.Timeout, func() {
			for _, s := range sockets {
				s.Acks().Delete(id)
			}
		})
	}
	clientCount(uint64(len(sockets))) // before an answer can come
	if len(sockets) > 0 {
		l.deliver(addressed, flags, "", "", []*audience{audienceOf(sockets)}, nil)
	}
}

// audienceOf returns the audience of some sockets.
func audienceOf(sockets []*socket.Socket) *audience {
	return newAudience(len(sockets), func(use func(*member)) {
		for _, s := range sockets {
			use(&member{id: s.Id(), socket: s, conn: connOf(s)})
		}
	})
}

// ackValue turns the arguments of a client's acknowledgement into the one value that counts.
// The library appends what it gets to its list of answers, so it must be exactly one; for a
// single expected response it wants the list of arguments instead.
func ackValue(args []any, flags *socket.BroadcastFlags) []any {
	if flags.ExpectSingleResponse {
		return []any{args}
	}
	if len(args) == 0 {
		return []any{nil}
	}
	return args[:1]
}

// addressed returns a copy of the packet with the namespace in it.
func (l *local) addressed(packet *parser.Packet) *parser.Packet {
	addressed := *packet
	addressed.Nsp = l.nsp.Name()
	return &addressed
}

// deliver encodes the packet and sends it to the audiences, but not to the members of without.
func (l *local) deliver(packet *parser.Packet, flags *socket.BroadcastFlags, latest, offset string, to []*audience, without []*member) {
	out := l.encode(packet, offset, flags, to)
	if len(out.encoded) == 0 {
		return // the parser has said why
	}
	tellListeners(packet, to, without)
	out.write(flags, latest, to, without)
}

// outgoing is an encoded packet. Clients of Socket.IO 2 get one of their own where the others get an offset:
// they would take it for an argument, and cannot use it.
type outgoing struct {
	encoded []types.BufferInterface
	old     []types.BufferInterface // nil: the same
}

// encode encodes a packet for the audiences, with its offset unless that is empty.
func (l *local) encode(packet *parser.Packet, offset string, flags *socket.BroadcastFlags, to []*audience) outgoing {
	encoder := l.nsp.Server().Encoder()
	marked := withOffset(packet, flags, offset)
	out := outgoing{encoded: encoder.Encode(marked)}
	if marked != packet && slices.ContainsFunc(to, func(a *audience) bool { return a.old != nil || a.oldOthers != nil }) {
		out.old = encoder.Encode(packet)
	}
	return out
}

// write sends an encoded packet to the audiences, but not to the members of without.
func (o *outgoing) write(flags *socket.BroadcastFlags, latest string, to []*audience, without []*member) {
	receivers := make([]*engine.Receivers, len(to), 2*len(to))
	var old []*engine.Receivers
	for i, a := range to {
		receivers[i] = a.receivers
		if a.old != nil {
			old = append(old, a.old)
		}
	}
	except := make([]*engine.Conn, 0, len(without))
	for _, m := range without {
		if m.conn != nil {
			except = append(except, m.conn)
		}
	}
	separate := o.old
	if separate == nil {
		receivers, old, separate = append(receivers, old...), nil, o.encoded
	}
	engine.Broadcast(message(o.encoded, flags, latest, nil), except, receivers...)
	if len(old) > 0 {
		engine.Broadcast(message(separate, flags, latest, nil), except, old...)
	}

	opts := &socket.WriteOptions{PreEncoded: true, Volatile: flags.Volatile}
	opts.Compress = flags.Compress
	each(to, without, func(a *audience) []*socket.Socket { return a.others }, func(s *socket.Socket) {
		s.Client().WriteToEngine(o.encoded, opts)
	})
	each(to, without, func(a *audience) []*socket.Socket { return a.oldOthers }, func(s *socket.Socket) {
		s.Client().WriteToEngine(separate, opts)
	})
}

// message is an encoded packet as the engine sends it; done is called when it is written, if it is not nil.
func message(encoded []types.BufferInterface, flags *socket.BroadcastFlags, latest string, done func()) *engine.Message {
	parts := make([]engine.Part, len(encoded))
	for i, buffer := range encoded {
		_, text := buffer.(*types.StringBuffer)
		parts[i] = engine.Part{Data: buffer.Bytes(), Binary: !text}
	}
	return engine.NewMessage(engine.MessageOptions{
		Volatile:   flags.Volatile,
		Latest:     latest,
		NoCompress: flags.Compress != nil && !*flags.Compress,
		Done:       done,
	}, parts...)
}

// tellListeners calls what receivers have registered with OnAnyOutgoing, which few do.
func tellListeners(packet *parser.Packet, to []*audience, without []*member) {
	var listening []*socket.Socket
	for _, a := range to {
		for _, s := range a.sockets {
			if len(s.ListenersAnyOutgoing()) > 0 {
				listening = append(listening, s)
			}
		}
	}
	if len(listening) == 0 {
		return
	}
	each([]*audience{{sockets: listening}}, without, func(a *audience) []*socket.Socket { return a.sockets }, func(s *socket.Socket) {
		s.NotifyOutgoingListeners()(packet)
	})
}

// each calls use once for each socket that part finds in the audiences and that is not in without.
func each(to []*audience, without []*member, part func(*audience) []*socket.Socket, use func(*socket.Socket)) {
	var done map[*socket.Socket]bool // made for the first socket: mostly there is none
	for _, a := range to {
		for _, s := range part(a) {
			if done == nil {
				done = make(map[*socket.Socket]bool, len(without))
				for _, m := range without {
					done[m.socket] = true
				}
			}
			if !done[s] {
				done[s] = true
				use(s)
			}
		}
	}
}

// connOf returns a socket's connection, nil when it is another engine's.
func connOf(s *socket.Socket) *engine.Conn {
	conn, _ := s.Conn().(*engine.Conn)
	return conn
}
