package rooms

import (
	"slices"
	"time"

	"chorus/adapter/wire"
	"chorus/engine"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Deliver sends a packet to the matching sockets of this server. It encodes the packet once, whatever the number of
// recipients. offset is the place of the packet where messages are kept, see WithOffset, else empty.
func (r *Local) Deliver(packet *parser.Packet, opts *wire.Options, offset string) {
	to, without, connecting := r.index.recipients(opts.Rooms, opts.Except)
	if connecting && opts.Flags.Local {
		// A client that resumes its session is in its rooms and receives nothing yet. What is kept it gets later, this
		// it does not.
		to, without = nil, nil
		if matching := r.matching(opts.Rooms, opts.Except); len(matching) > 0 {
			to = append(to, recipientsOf(matching))
		}
	}
	if len(to) > 0 {
		r.deliver(r.addressed(packet), &opts.Flags, opts.Latest, offset, to, without)
	}
}

// BroadcastWithAck sends a packet to the matching sockets of this node, says how many they are,
// and calls ack once for each answer with one value: what the client's first argument was, or
// nil. The answers still missing after flags.Timeout are no longer waited for.
func (r *Local) BroadcastWithAck(packet *parser.Packet, opts *socket.BroadcastOptions, clientCount func(uint64), ack socket.Ack) {
	flags := wire.FlagsOf(opts)
	sockets := r.Match(opts)

	// One id serves all receivers: the counter belongs to the namespace.
	id := r.nsp.Ids()
	addressed := r.addressed(packet)
	addressed.Id = &id

	answer := func(args []any, err error) { ack(AckValue(args, flags), err) }
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
		r.deliver(addressed, flags, "", "", []*recipients{recipientsOf(sockets)}, nil)
	}
}

// recipientsOf returns some sockets as recipients.
func recipientsOf(sockets []*socket.Socket) *recipients {
	return newRecipients(len(sockets), func(use func(*member)) {
		for _, s := range sockets {
			use(&member{id: s.Id(), socket: s, conn: connOf(s)})
		}
	})
}

// AckValue turns the arguments of a client's acknowledgement into the one value that counts.
// The library appends what it gets to its list of answers, so it must be exactly one; for a
// single expected response it wants the list of arguments instead.
func AckValue(args []any, flags *socket.BroadcastFlags) []any {
	if flags.ExpectSingleResponse {
		return []any{args}
	}
	if len(args) == 0 {
		return []any{nil}
	}
	return args[:1]
}

// addressed returns a copy of the packet with the namespace in it.
func (r *Local) addressed(packet *parser.Packet) *parser.Packet {
	addressed := *packet
	addressed.Nsp = r.nsp.Name()
	return &addressed
}

// deliver encodes the packet and sends it to the recipients, but not to the members of without.
func (r *Local) deliver(packet *parser.Packet, flags *socket.BroadcastFlags, latest, offset string, to []*recipients, without []*member) {
	out := r.encode(packet, offset, flags, to)
	if len(out.encoded) == 0 {
		return // the parser has said why
	}
	r.notifyListeners(packet, to, without)
	out.write(flags, latest, to, without)
}

// outgoing is an encoded packet. Clients of Socket.IO 2 get one of their own where the others get an offset:
// they would take it for an argument, and cannot use it.
type outgoing struct {
	encoded []types.BufferInterface
	old     []types.BufferInterface // nil: the same
}

// encode encodes a packet for the recipients, with its offset unless that is empty.
func (r *Local) encode(packet *parser.Packet, offset string, flags *socket.BroadcastFlags, to []*recipients) outgoing {
	encoder := r.nsp.Server().Encoder()
	marked := WithOffset(packet, flags, offset)
	out := outgoing{encoded: encoder.Encode(marked)}
	if marked != packet && slices.ContainsFunc(to, func(a *recipients) bool { return a.old != nil || a.oldOthers != nil }) {
		out.old = encoder.Encode(packet)
	}
	return out
}

// write sends an encoded packet to the recipients, but not to the members of without.
func (o *outgoing) write(flags *socket.BroadcastFlags, latest string, to []*recipients, without []*member) {
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
	engine.Broadcast(NewMessage(o.encoded, flags, latest, nil), except, receivers...)
	if len(old) > 0 {
		engine.Broadcast(NewMessage(separate, flags, latest, nil), except, old...)
	}

	opts := &socket.WriteOptions{PreEncoded: true, Volatile: flags.Volatile}
	opts.Compress = flags.Compress
	each(to, without, func(a *recipients) []*socket.Socket { return a.others }, func(s *socket.Socket) {
		s.Client().WriteToEngine(o.encoded, opts)
	})
	each(to, without, func(a *recipients) []*socket.Socket { return a.oldOthers }, func(s *socket.Socket) {
		s.Client().WriteToEngine(separate, opts)
	})
}

// NewMessage returns an encoded packet as the engine sends it; done is called when it is written, if it is not nil.
func NewMessage(encoded []types.BufferInterface, flags *socket.BroadcastFlags, latest string, done func()) *engine.Message {
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

// notifyListeners calls what receivers have registered with OnAnyOutgoing, which few do.
func (r *Local) notifyListeners(packet *parser.Packet, to []*recipients, without []*member) {
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
	each([]*recipients{{sockets: listening}}, without, func(a *recipients) []*socket.Socket { return a.sockets }, func(s *socket.Socket) {
		if r.ordered {
			s.Enqueue(func() { s.NotifyOutgoingListeners()(packet) })
		} else {
			s.NotifyOutgoingListeners()(packet)
		}
	})
}

// each calls use once for each socket that part finds in the recipients and that is not in without.
func each(to []*recipients, without []*member, part func(*recipients) []*socket.Socket, use func(*socket.Socket)) {
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

// socketIO2 is the version of Engine.IO that clients of Socket.IO 2 speak.
const socketIO2 = 3

// Repeats reports whether a client that misses an event gets it later.
func Repeats(packet *parser.Packet, flags *socket.BroadcastFlags) bool {
	return packet.Id == nil && !flags.Volatile
}

// WithOffset returns an event with its place behind its arguments: the client returns it when it resumes its session.
func WithOffset(packet *parser.Packet, flags *socket.BroadcastFlags, offset string) *parser.Packet {
	data, ok := packet.Data.([]any)
	if !ok || offset == "" || !Repeats(packet, flags) {
		return packet
	}
	marked := *packet
	marked.Data = slices.Concat(data, []any{offset})
	return &marked
}
