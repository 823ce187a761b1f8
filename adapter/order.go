package adapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Format is how the servers of a cluster talk.
type Format string

// The formats, each that of a constructor.
const (
	PubSub  Format = "pubsub"  // NewRedis
	Sharded Format = "sharded" // NewSharded
	Streams Format = "streams" // NewStreams
)

// Wire says how the servers of a cluster talk, for a program that is not one of them. The zero value is
// that of NewRedis with its defaults.
type Wire struct {
	Format       Format           // default PubSub
	Prefix       string           // default "socket.io"
	Mode         SubscriptionMode // of Sharded; default Dynamic
	StreamName   string           // these three are of Streams, see StreamsOptions
	StreamCount  int
	StreamMaxLen int
}

// OrderKind is what an order is about.
type OrderKind int

// The kinds of orders.
const (
	OrderEmit           OrderKind = iota // send an event to sockets
	OrderJoin                            // have them join rooms
	OrderLeave                           // have them leave rooms
	OrderDisconnect                      // disconnect them
	OrderServerSideEmit                  // hand an event to the servers themselves
)

// Order is what a program that is not a server has the servers of a cluster do. Package adapter/emitter makes
// them.
type Order struct {
	Kind          OrderKind
	Namespace     string   // default "/"
	Rooms, Except []string // which sockets; no rooms stand for all
	Volatile      bool     // of OrderEmit, as is the next
	Compress      *bool
	Args          []any    // name and arguments of an event
	Targets       []string // rooms to join or leave
	Close         bool     // of OrderDisconnect: their connections as well
}

// emitterUID is who says an order, as in the Node.js packages.
const emitterUID = "emitter"

var (
	errNoEvent  = errors.New("an event without a name")
	errReserved = errors.New("the name of this event is reserved")
	errFormat   = errors.New("not a format: use pubsub, sharded or streams")
)

// reservedEvents are those that a client has a meaning of its own for.
var reservedEvents = []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}

// Command returns the Redis command that gives an order to the servers, in the bytes of @socket.io/redis-emitter 5
// for PubSub.
func (w Wire) Command(o Order) ([]any, error) {
	m, err := o.message()
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	nsp := o.Namespace
	if nsp == "" {
		nsp = "/"
	}
	if w.Prefix == "" {
		w.Prefix = DefaultPrefix
	}
	var command []any
	switch w.Format {
	case "", PubSub:
		command, err = w.publish(nsp, &m)
	case Sharded:
		command, err = w.spublish(nsp, &m)
	case Streams:
		command, err = w.xadd(nsp, &m)
	default:
		err = fmt.Errorf("%q: %w", w.Format, errFormat)
	}
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	return command, nil
}

// message returns what the order says.
func (o *Order) message() (m clusterMessage, err error) {
	m = clusterMessage{
		kind: map[OrderKind]kind{
			OrderEmit: kindBroadcast, OrderJoin: kindJoin, OrderLeave: kindLeave, OrderDisconnect: kindDisconnect, OrderServerSideEmit: kindEvent,
		}[o.Kind],
		uid: emitterUID, rooms: roomsOf(o.Targets), close: o.Close,
	}
	m.opts.rooms, m.opts.except = roomsOf(o.Rooms), roomsOf(o.Except)
	if o.Kind != OrderEmit && o.Kind != OrderServerSideEmit {
		return m, nil
	}
	if len(o.Args) == 0 {
		return m, errNoEvent
	}
	if name, ok := o.Args[0].(string); !ok {
		return m, errNoEvent
	} else if o.Kind == OrderEmit && slices.Contains(reservedEvents, name) {
		return m, fmt.Errorf("%q: %w", name, errReserved)
	}
	if m.args = o.Args; parser.HasBinary(o.Args) {
		data, err := drained(o.Args)
		if err != nil {
			return m, err
		}
		m.args, _ = data.([]any)
	}
	if o.Kind == OrderEmit {
		m.opts.flags.Volatile, m.opts.flags.Compress = o.Volatile, o.Compress
		m.packet, m.args = &parser.Packet{Type: parser.EVENT, Data: m.args}, nil
	}
	return m, nil
}

// roomsOf returns each room once.
func roomsOf(names []string) []socket.Room {
	rooms := make([]socket.Room, 0, len(names))
	for _, name := range names {
		if room := socket.Room(name); !slices.Contains(rooms, room) {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

// publish has the keys of the options in the emitter's order, which is not that of the servers.
func (w Wire) publish(nsp string, m *clusterMessage) ([]any, error) {
	c := newChannels(w.Prefix, nsp, "")
	switch m.kind {
	case kindBroadcast:
	case kindEvent:
		r := request{UID: emitterUID, Type: typeServerSideEmit}
		for _, arg := range m.args {
			text, err := textOf(arg)
			if err != nil {
				return nil, err
			}
			r.Data = append(r.Data, text)
		}
		payload, err := json.Marshal(r)
		return []any{"publish", c.request, payload}, err
	default:
		payload, err := encodeRequest("", *m)
		return []any{"publish", c.request, payload}, err
	}
	b := msgp.AppendString(msgp.AppendArrayHeader(nil, 3), emitterUID)
	b, err := appendPacket(b, m.packet, nsp)
	if err != nil {
		return nil, err
	}
	b = msgp.AppendMapHeader(b, 3)
	b = appendSelection(msgp.AppendString(b, "rooms"), m.opts.rooms)
	b = appendFlags(msgp.AppendString(b, "flags"), &m.opts.flags, "")
	b = appendSelection(msgp.AppendString(b, "except"), m.opts.except)
	return []any{"publish", c.broadcastTo(m.opts.rooms), b}, nil
}

func (w Wire) spublish(nsp string, m *clusterMessage) ([]any, error) {
	if w.Mode == "" {
		w.Mode = Dynamic
	}
	payload, err := appendFrame(nil, emitterUID, nsp, m)
	return []any{"spublish", w.Mode.channelOf(w.Prefix+"#"+nsp+"#", m), payload}, err
}

// xadd keeps server-side events in the stream as well: an emitter does not wait for answers.
func (w Wire) xadd(nsp string, m *clusterMessage) ([]any, error) {
	opts := StreamsOptions{ClusterOptions: ClusterOptions{Prefix: w.Prefix}, StreamName: w.StreamName, StreamCount: w.StreamCount, MaxLen: w.StreamMaxLen}.withDefaults()
	entry, err := newStreamEntry(emitterUID, nsp, m)
	return []any{
		"xadd", streamOf(nsp, opts), "maxlen", "~", strconv.Itoa(opts.MaxLen), "*",
		fieldUID, entry.uid, fieldNsp, entry.nsp, fieldType, entry.kind, fieldData, entry.data,
	}, err
}
