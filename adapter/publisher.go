package adapter

import (
	"chorus/adapter/rooms"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Publisher is what the adapters of this package can do beyond the library's Adapter.
type Publisher interface {
	// Publish broadcasts like Broadcast and calls done exactly once: with nil when Redis has accepted the message, else
	// with the reason. After an error only clients of this node received it; with a total order, no client did. While
	// Redis answers slowly, Publish blocks until its queue has room. done must neither block nor publish. Messages of
	// one caller keep their order.
	//
	// While Redis is away, done is called at once with ErrUnavailable. If done is nil, the message waits for Redis
	// instead, as with Broadcast.
	Publish(packet *parser.Packet, opts *socket.BroadcastOptions, done func(error))

	// PublishLatest is Publish of the newest state of something, such as who is typing or where a
	// cursor is: of the messages with the same name that wait for a slow client, only the newest
	// is kept. The program chooses the name, the same one on all nodes. Node.js servers deliver all of them.
	PublishLatest(name string, packet *parser.Packet, opts *socket.BroadcastOptions, done func(error))

	// Has reports whether a socket of this node is in the room.
	Has(room Room) bool
}

// Of returns the Publisher of a namespace, looking through adapters that wrap another one
// (Unwrap() socket.Adapter); false when its adapter is not of this package.
func Of(nsp socket.Namespace) (Publisher, bool) {
	a := nsp.Adapter()
	for a != nil {
		if p, ok := a.(Publisher); ok {
			return p, true
		}
		w, ok := a.(interface{ Unwrap() socket.Adapter })
		if !ok {
			break
		}
		a = w.Unwrap()
	}
	return nil, false
}

// MarkOwn remembers that a client has joined a room, in which it is, by itself, and not because the program
// put it there. That ends when it leaves the room.
func MarkOwn(s *socket.Socket, room Room) {
	if r, ok := rooms.Of(s.Nsp().Adapter()); ok {
		r.MarkOwn(s.Id(), room)
	}
}

// OwnRooms returns the rooms that MarkOwn has remembered, also for a client that has resumed its session; all but
// that of its id if it was last with a Node.js server, which does not keep the difference.
func OwnRooms(s *socket.Socket) []Room {
	if r, ok := rooms.Of(s.Nsp().Adapter()); ok {
		return r.Own(s.Id())
	}
	return nil
}
