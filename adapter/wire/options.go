package wire

import (
	"encoding/json"
	"strconv"
	"time"

	"chorus/adapter/wire/msgpack"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Options are the rooms and flags of a broadcast as they stand on Redis.
type Options struct {
	Rooms  []socket.Room
	Except []socket.Room
	Flags  socket.BroadcastFlags
	Latest string // flag of ours, which Node.js servers pass over: see Publisher.PublishLatest
}

// NewOptions returns the options of a broadcast.
func NewOptions(opts *socket.BroadcastOptions) Options {
	rooms, except := Targets(opts)
	return Options{Rooms: rooms, Except: except, Flags: *FlagsOf(opts)}
}

// BroadcastOptions returns what the library works with.
func (o *Options) BroadcastOptions() *socket.BroadcastOptions {
	return &socket.BroadcastOptions{
		Rooms:  types.NewSet(o.Rooms...),
		Except: types.NewSet(o.Except...),
		Flags:  &o.Flags,
	}
}

func appendOptions(b []byte, opts Options) []byte {
	b = msgp.AppendMapHeader(b, 3)
	b = appendSelection(msgp.AppendString(b, "rooms"), opts.Rooms)
	b = appendSelection(msgp.AppendString(b, "except"), opts.Except)
	return appendFlags(msgp.AppendString(b, "flags"), &opts.Flags, opts.Latest)
}

// appendSelection appends rooms that select sockets. A room of Node.js may be a number, and there 7 and "7" are
// two: what selects by the one has to name the other as well.
func appendSelection(b []byte, rooms []socket.Room) []byte {
	numbers := numbersOf(rooms)
	b = msgp.AppendArrayHeader(b, uint32(len(rooms)+len(numbers))) //nolint:gosec // a list is never that long
	for _, room := range rooms {
		b = msgp.AppendString(b, string(room))
	}
	for _, n := range numbers {
		b = msgp.AppendInt64(b, n)
	}
	return b
}

// numbersOf returns the numbers that rooms are the text of, as JavaScript writes whole numbers.
func numbersOf(rooms []socket.Room) (numbers []int64) {
	const largest = 1<<53 - 1
	for _, room := range rooms {
		n, err := strconv.ParseInt(string(room), 10, 64)
		if err == nil && n >= -largest && n <= largest && strconv.FormatInt(n, 10) == string(room) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// AppendRooms appends a list of rooms as MessagePack.
func AppendRooms(b []byte, rooms []socket.Room) []byte {
	b = msgp.AppendArrayHeader(b, uint32(len(rooms))) //nolint:gosec // a list is never that long
	for _, room := range rooms {
		b = msgp.AppendString(b, string(room))
	}
	return b
}

// flagLatest is the flag of messages that are the newest of a name.
const flagLatest = "latest"

// appendFlags appends the flags that concern other servers, those alone that are set.
func appendFlags(b []byte, flags *socket.BroadcastFlags, latest string) []byte {
	var n uint32
	for _, set := range []bool{flags.Volatile, flags.Compress != nil, flags.Timeout != nil, latest != ""} {
		if set {
			n++
		}
	}
	b = msgp.AppendMapHeader(b, n)
	if flags.Volatile {
		b = msgp.AppendBool(msgp.AppendString(b, "volatile"), true)
	}
	if flags.Compress != nil {
		b = msgp.AppendBool(msgp.AppendString(b, "compress"), *flags.Compress)
	}
	if flags.Timeout != nil {
		b = msgp.AppendInt64(msgp.AppendString(b, "timeout"), flags.Timeout.Milliseconds())
	}
	if latest != "" {
		b = msgp.AppendString(msgp.AppendString(b, flagLatest), latest)
	}
	return b
}

// readOptions reads the options of a message. What is no map has no members.
func readOptions(b []byte) (opts Options, rest []byte, err error) {
	if msgp.NextType(b) != msgp.MapType {
		rest, err = msgp.Skip(b)
		return opts, rest, err
	}
	rest, err = msgpack.Fields(b, func(key string, b []byte) ([]byte, error) {
		var err error
		switch key {
		case "rooms":
			opts.Rooms, b, err = ReadRooms(b)
			return b, err
		case "except":
			opts.Except, b, err = ReadRooms(b)
			return b, err
		case "flags":
			return readFlags(b, &opts)
		default:
			return msgp.Skip(b)
		}
	})
	return opts, rest, err
}

// readFlags reads volatile, compress, timeout (milliseconds) and latest, and ignores the others, which
// concern the sending server alone.
func readFlags(b []byte, opts *Options) ([]byte, error) {
	flags := &opts.Flags
	if msgp.NextType(b) != msgp.MapType {
		return msgp.Skip(b)
	}
	return msgpack.Fields(b, func(key string, b []byte) ([]byte, error) {
		rest, err := msgp.Skip(b)
		if err != nil {
			return b, err
		}
		switch msgp.NextType(b) {
		case msgp.ArrayType, msgp.MapType:
			flags.Volatile = flags.Volatile || key == "volatile"
			return rest, nil // and no other flag is one of these
		}
		value, _, err := msgpack.Read(b, 0)
		switch key {
		case "volatile":
			flags.Volatile = !msgpack.IsFalsy(b)
		case "compress":
			if compress, ok := value.(bool); ok {
				flags.Compress = &compress
			}
		case "timeout":
			if ms, ok := msgpack.Float(value); ok {
				flags.Timeout = timeoutOf(ms)
			}
		case flagLatest:
			opts.Latest, _ = value.(string)
		}
		return rest, err
	})
}

// timeoutOf returns the delay of a timer of Node.js, of milliseconds.
func timeoutOf(ms float64) *time.Duration {
	const longest = 1<<31 - 1
	if !(ms >= 1 && ms <= longest) {
		ms = 1
	}
	timeout := time.Duration(ms * float64(time.Millisecond))
	return &timeout
}

// MarshalJSON implements json.Marshaler: no rooms are [], never null.
func (l roomList) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]socket.Room(l))
}

// selection is a list of rooms that select sockets, in JSON: see appendSelection.
type selection []socket.Room

// UnmarshalJSON implements json.Unmarshaler.
func (s *selection) UnmarshalJSON(text []byte) error { return (*roomList)(s).UnmarshalJSON(text) }

// MarshalJSON implements json.Marshaler.
func (s selection) MarshalJSON() ([]byte, error) { return appendTextSelection(nil, s), nil }

// Targets returns the rooms that opts selects and those that it excludes.
func Targets(opts *socket.BroadcastOptions) (rooms, except []socket.Room) {
	if opts == nil {
		return nil, nil
	}
	if opts.Rooms != nil {
		rooms = opts.Rooms.Keys()
	}
	if opts.Except != nil {
		except = opts.Except.Keys()
	}
	return rooms, except
}

// FlagsOf returns the flags of opts, never nil.
func FlagsOf(opts *socket.BroadcastOptions) *socket.BroadcastFlags {
	if opts == nil || opts.Flags == nil {
		return &socket.BroadcastFlags{}
	}
	return opts.Flags
}
