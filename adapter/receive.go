package adapter

import (
	"fmt"
	"log/slog"
	"sync"

	"chorus/adapter/rooms"
	"chorus/adapter/session"
	"chorus/adapter/wire"
	"chorus/adapter/wire/msgpack"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Receive implements Namespace. A message that concerns no socket here is decoded only as far as that takes.
func (a *namespace) Receive(m *wire.Message) (err error) {
	if m.Nsp != "" && m.Nsp != a.Nsp().Name() {
		return nil
	}
	own := m.Server == a.uid
	switch {
	case own && !a.later(m):
		return nil // done when it was sent
	case own && m.Kind == wire.Broadcast:
		if err := m.Decode(a.raw); err == nil && m.Opts.ForPeers() {
			return nil // nothing here waits for it
		}
		defer a.own.returned()
	case own:
		a.cluster.guard(a.own.next)
		return nil
	}
	a.cluster.guard(func() { err = a.serve(m) })
	return err
}

func (a *namespace) serve(m *wire.Message) error {
	if err := m.Decode(a.raw); err != nil || m.Kind == wire.Broadcast && m.Opts.ForPeers() {
		return err
	}
	if m.Kind == wire.Broadcast {
		if m.RequestID == "" && !a.Wants(m.Opts.Rooms...) {
			return nil
		}
		if err := m.DecodePacket(a.Nsp().Name(), a.raw); err != nil {
			return fmt.Errorf("packet: %w", err)
		}
	}
	if m.RequestID != "" && (m.Kind == wire.Join || m.Kind == wire.Leave || m.Kind == wire.Disconnect) {
		// Of the old form: the server that has the socket answers.
		if _, here := a.Nsp().Sockets().Load(socket.SocketId(m.Opts.Rooms[0])); !here {
			return nil
		}
		defer a.respond(m.Server, m.Answer(wire.Done))
	}
	switch m.Kind {
	case wire.Broadcast:
		a.serveBroadcast(m)
	case wire.Join:
		a.Local.AddSockets(m.Opts.BroadcastOptions(), m.Rooms)
	case wire.Leave:
		a.Local.DelSockets(m.Opts.BroadcastOptions(), m.Rooms)
	case wire.Disconnect:
		if !session.Evicted(a.Local, m.Opts.Rooms) {
			a.Local.DisconnectSockets(m.Opts.BroadcastOptions(), m.Close)
		}
	case wire.Fetch:
		sockets := a.Details(m.Opts.BroadcastOptions())
		answer := m.Answer(wire.Fetched)
		answer.Sockets = func() []socket.SocketDetails { return sockets }
		a.respond(m.Server, answer)
	case wire.ListSockets:
		answer := m.Answer(wire.SocketIDs)
		answer.Rooms = a.idsOf(m.Opts.BroadcastOptions())
		a.respond(m.Server, answer)
	case wire.ListRooms:
		answer := m.Answer(wire.RoomNames)
		answer.Rooms = a.Names()
		a.respond(m.Server, answer)
	case wire.Event:
		return a.serveEvent(m)
	case wire.Fetched, wire.EventAnswer, wire.ClientCount, wire.Ack:
		a.takeAnswer(m)
	case wire.Hello, wire.Heartbeat, wire.Goodbye: // the transport counts the servers
	default:
		return fmt.Errorf("%w: message type %d", wire.ErrMalformed, m.Kind)
	}
	return nil
}

// serveBroadcast delivers a broadcast, of this server as well where the order is total.
func (a *namespace) serveBroadcast(m *wire.Message) {
	if m.RequestID != "" {
		a.serveAcknowledged(m)
		return
	}
	offset := ""
	if a.cluster.opts.Sessions != nil && rooms.Repeats(m.Packet, &m.Opts.Flags) {
		offset = m.Offset
	}
	if m.Server != a.uid {
		m.Packet.Id = nil // no caller here waits for the answer, and the number may be that of another event
	}
	if id, err := wire.ParseStreamID(offset); err == nil {
		a.Note(m.Opts.Rooms, id)
	}
	a.Deliver(m.Packet, &m.Opts, offset)
}

// idsOf returns the ids of the matching sockets of this node, which are the names of their own rooms.
func (a *namespace) idsOf(opts *socket.BroadcastOptions) (ids []Room) {
	for _, s := range a.Match(opts) {
		ids = append(ids, Room(s.Id()))
	}
	return ids
}

// serveEvent raises a server-side event on this server.
func (a *namespace) serveEvent(m *wire.Message) error {
	args := make([]any, len(m.Args))
	for i, arg := range m.Args {
		var err error
		if args[i], err = msgpack.Plain(arg); err != nil {
			return fmt.Errorf("data: %w", err)
		}
	}
	if len(args) == 0 {
		return fmt.Errorf("%w: a server-side event without a name", wire.ErrMalformed)
	}
	event, ok := args[0].(string)
	if !ok || socket.NAMESPACE_RESERVED_EVENTS.Has(event) {
		// Handlers of "connection" trust that their argument is a socket.
		return fmt.Errorf("%w: %v is no name for a server-side event", wire.ErrMalformed, args[0])
	}
	if m.RequestID != "" {
		args = append(args, a.eventAck(m))
	}
	a.cluster.enqueueEvent(func() { a.Nsp().OnServerSideEmit(args) })
	return nil
}

// eventAck is what handlers of a server-side event call to answer; the first call counts, with
// its first value.
func (a *namespace) eventAck(m *wire.Message) socket.Ack {
	asker, answer := m.Server, m.Answer(wire.EventAnswer)
	var once sync.Once
	return func(args []any, _ error) {
		once.Do(func() {
			if len(args) > 0 {
				var err error
				if answer.Value, err = msgpack.Argument(args[0]); err != nil {
					a.cluster.log.Error("answer to a server-side event cannot be sent", slog.Any("error", err))
					return
				}
			}
			a.respond(asker, answer)
		})
	}
}

// serveAcknowledged delivers a broadcast with acknowledgement of another server and sends back how
// many clients got it and what each of them answers.
func (a *namespace) serveAcknowledged(m *wire.Message) {
	if m.Opts.Flags.Timeout == nil {
		timeout := a.cluster.opts.RequestTimeout
		m.Opts.Flags.Timeout = &timeout // nothing may wait for ever
	}
	a.Local.BroadcastWithAck(m.Packet, m.Opts.BroadcastOptions(),
		func(count uint64) {
			answer := m.Answer(wire.ClientCount)
			answer.ClientCount = count
			a.respond(m.Server, answer)
		},
		func(args []any, err error) {
			if err == nil && len(args) > 0 {
				answer := m.Answer(wire.Ack)
				answer.Value = args[0]
				a.respond(m.Server, answer)
			}
		})
}
