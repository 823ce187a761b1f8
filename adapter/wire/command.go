package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"chorus/adapter/wire/msgpack"

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

// Dialect says how the servers of a cluster talk, for a program that is not one of them. The zero value is
// that of NewRedis with its defaults.
type Dialect struct {
	Format       Format           // default PubSub
	Prefix       string           // default "socket.io"
	Mode         SubscriptionMode // of Sharded; default Dynamic
	StreamName   string           // these three are of Streams, see StreamsOptions
	StreamCount  int
	StreamMaxLen int
}

// CommandKind is what an order is about.
type CommandKind int

// The kinds of orders.
const (
	Emit              CommandKind = iota // send an event to sockets
	SocketsJoin                          // have them join rooms
	SocketsLeave                         // have them leave rooms
	DisconnectSockets                    // disconnect them
	ServerSideEmit                       // hand an event to the servers themselves
)

// Command is what a program that is not a server has the servers of a cluster do. Package adapter/emitter makes
// them.
type Command struct {
	Kind          CommandKind
	Namespace     string   // default "/"
	Rooms, Except []string // which sockets; no rooms stand for all
	Volatile      bool     // of OrderEmit, as is the next
	Compress      *bool
	Args          []any    // name and arguments of an event
	Targets       []string // rooms to join or leave
	Close         bool     // of OrderDisconnect: their connections as well
}

// emitterUID is the server id in commands of an emitter, as in the Node.js packages.
const emitterUID = "emitter"

var (
	errNoEvent  = errors.New("an event without a name")
	errReserved = errors.New("the name of this event is reserved")
	errFormat   = errors.New("not a format: use pubsub, sharded or streams")
)

// reservedEvents are those that a client has a meaning of its own for.
var reservedEvents = []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}

// RedisCommand returns the Redis command that gives an order to the servers, in the bytes of @socket.io/redis-emitter 5
// for PubSub.
func (w Dialect) RedisCommand(o Command) ([]any, error) {
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
func (o *Command) message() (m Message, err error) {
	m = Message{
		Kind: map[CommandKind]Kind{
			Emit: Broadcast, SocketsJoin: Join, SocketsLeave: Leave, DisconnectSockets: Disconnect, ServerSideEmit: Event,
		}[o.Kind],
		Server: emitterUID, Rooms: roomsOf(o.Targets), Close: o.Close,
	}
	m.Opts.Rooms, m.Opts.Except = roomsOf(o.Rooms), roomsOf(o.Except)
	if o.Kind != Emit && o.Kind != ServerSideEmit {
		return m, nil
	}
	if len(o.Args) == 0 {
		return m, errNoEvent
	}
	if name, ok := o.Args[0].(string); !ok {
		return m, errNoEvent
	} else if o.Kind == Emit && slices.Contains(reservedEvents, name) {
		return m, fmt.Errorf("%q: %w", name, errReserved)
	}
	if m.Args = o.Args; parser.HasBinary(o.Args) {
		data, err := msgpack.Drained(o.Args)
		if err != nil {
			return m, err
		}
		m.Args, _ = data.([]any)
	}
	if o.Kind == Emit {
		m.Opts.Flags.Volatile, m.Opts.Flags.Compress = o.Volatile, o.Compress
		m.Packet, m.Args = &parser.Packet{Type: parser.EVENT, Data: m.Args}, nil
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
func (w Dialect) publish(nsp string, m *Message) ([]any, error) {
	c := NewChannels(w.Prefix, nsp, "")
	switch m.Kind {
	case Broadcast:
	case Event:
		r := request{UID: emitterUID, Type: typeServerSideEmit}
		for _, arg := range m.Args {
			text, err := textOf(arg)
			if err != nil {
				return nil, err
			}
			r.Data = append(r.Data, text)
		}
		payload, err := json.Marshal(r)
		return []any{"publish", c.Request, payload}, err
	default:
		payload, err := EncodeRequest("", nsp, m)
		return []any{"publish", c.Request, payload}, err
	}
	b := msgp.AppendString(msgp.AppendArrayHeader(nil, 3), emitterUID)
	b, err := appendPacket(b, m.Packet, nsp)
	if err != nil {
		return nil, err
	}
	b = msgp.AppendMapHeader(b, 3)
	b = appendSelection(msgp.AppendString(b, "rooms"), m.Opts.Rooms)
	b = appendFlags(msgp.AppendString(b, "flags"), &m.Opts.Flags, "")
	b = appendSelection(msgp.AppendString(b, "except"), m.Opts.Except)
	return []any{"publish", c.BroadcastTo(m.Opts.Rooms), b}, nil
}

func (w Dialect) spublish(nsp string, m *Message) ([]any, error) {
	if w.Mode == "" {
		w.Mode = Dynamic
	}
	payload, err := AppendFrame(nil, emitterUID, nsp, m)
	return []any{"spublish", w.Mode.ChannelOf(w.Prefix+"#"+nsp+"#", m), payload}, err
}

// xadd keeps server-side events in the stream as well: an emitter does not wait for answers.
func (w Dialect) xadd(nsp string, m *Message) ([]any, error) {
	if w.StreamName == "" {
		w.StreamName = w.Prefix
	}
	if w.StreamMaxLen <= 0 {
		w.StreamMaxLen = DefaultStreamMaxLen
	}
	entry, err := NewEntry(emitterUID, nsp, m)
	return entry.Command(StreamOf(nsp, w.StreamName, w.StreamCount), w.StreamMaxLen), err
}
