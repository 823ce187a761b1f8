package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// The bytes that @socket.io/redis-adapter 8 puts on Redis. A broadcast is the MessagePack array
// [uid, {type, data, nsp}, {rooms, except, flags}]; requests and responses are JSON objects, or
// MessagePack maps where values of clients are inside.

// ErrMalformed is part of each error about a message that makes no sense.
var ErrMalformed = errors.New("malformed message")

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

// EncodeBroadcast returns the payload of a broadcast.
func EncodeBroadcast(uid string, packet *parser.Packet, nsp string, opts Options) ([]byte, error) {
	b := msgp.AppendString(msgp.AppendArrayHeader(nil, 3), uid)
	b, err := appendPacket(b, packet, nsp)
	if err != nil {
		return nil, err
	}
	return appendOptions(b, opts), nil
}

// keyExact is a field of ours, which other servers do not look at: the text of what MessagePack
// cannot say exactly (see appendRaw). In a packet it is an array with the text, or nil, of each
// argument behind the event's name; in an acknowledgement it is the text of the value.
const keyExact = "exact"

// appendPacket appends an event. Its type is EVENT also with binary inside, which travels inline.
func appendPacket(b []byte, packet *parser.Packet, nsp string) ([]byte, error) {
	start := len(b)
	b = msgp.AppendMapHeader(b, 3)
	b = msgp.AppendInt(msgp.AppendString(b, "type"), int(parser.EVENT))
	b, exact, err := appendData(msgp.AppendString(b, "data"), packet.Data)
	if err != nil {
		return nil, err
	}
	b = msgp.AppendString(msgp.AppendString(b, "nsp"), nsp)
	if packet.Id != nil {
		b[start]++ // one field more
		b = msgp.AppendUint64(msgp.AppendString(b, "id"), *packet.Id)
	}
	if exact != nil {
		b[start]++ // one field more
		b = append(msgp.AppendString(b, keyExact), exact...)
	}
	return b, nil
}

// appendData appends the list of an event. exact is nil when that says all.
func appendData(b []byte, data any) (packed []byte, exact msgp.Raw, err error) {
	args, ok := data.([]any)
	if !ok {
		b, err = appendValue(b, data, 0)
		return b, nil, err
	}
	b = msgp.AppendArrayHeader(b, uint32(len(args))) //nolint:gosec // a list is never that long
	done := 0                                        // arguments that exact says something of
	for i, arg := range args {
		text, ok := arg.(json.RawMessage)
		if !ok {
			if b, err = appendValue(b, arg, 1); err != nil {
				return b, nil, err
			}
			continue
		}
		same := false
		if b, same, err = appendRaw(b, text, 1); err != nil {
			return b, nil, err
		}
		if same || i == 0 {
			continue
		}
		if exact == nil {
			exact = msgp.AppendArrayHeader(exact, uint32(len(args)-1)) //nolint:gosec // as above
		}
		exact = append(appendNils(exact, i-1-done), appendText(nil, text)...)
		done = i
	}
	if exact != nil {
		exact = appendNils(exact, len(args)-1-done)
	}
	return b, exact, nil
}

func appendNils(b []byte, n int) []byte {
	for range n {
		b = msgp.AppendNil(b)
	}
	return b
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

func appendRooms(b []byte, rooms []socket.Room) []byte {
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

// broadcastBody is what follows the sender in a broadcast.
type broadcastBody struct {
	rest   []byte
	packet msgp.Raw // once decode has found it
}

// ReadBroadcast reads a broadcast as far as its sender.
func ReadBroadcast(b []byte) (*Message, error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, err
	}
	if n < 3 {
		return nil, fmt.Errorf("%w: an array of %d, want [uid, packet, options]", ErrMalformed, n)
	}
	m := &Message{Kind: Broadcast}
	if m.Server, b, err = readName(b); err != nil {
		return nil, fmt.Errorf("uid: %w", err)
	}
	m.body = &broadcastBody{rest: b}
	return m, nil
}

func (body *broadcastBody) decode(m *Message, _ bool) error {
	if body.packet != nil {
		return nil // the message is a request, whose options are read
	}
	rest, err := msgp.Skip(body.rest)
	if err != nil {
		return fmt.Errorf("packet: %w", err)
	}
	body.packet = msgp.Raw(body.rest[:len(body.rest)-len(rest)])
	if m.Opts, _, err = readOptions(rest); err != nil {
		return fmt.Errorf("options: %w", err)
	}
	return nil
}

func (body *broadcastBody) decodePacket(nsp string, raw bool) (*parser.Packet, error) {
	return readPacket(body.packet, nsp, raw)
}

// readPacket decodes an event of the namespace nsp. Its arguments are json.RawMessage where they can be,
// if raw is set, else plain values.
func readPacket(b []byte, nsp string, raw bool) (*parser.Packet, error) {
	packet, err := readEvent(b, raw)
	if err == nil && packet.Nsp != nsp {
		return nil, fmt.Errorf("%w: for namespace %q on a channel of %q", ErrMalformed, packet.Nsp, nsp)
	}
	return packet, err
}

// readEvent decodes an event of any namespace.
func readEvent(b []byte, raw bool) (*parser.Packet, error) {
	packet := &parser.Packet{Type: parser.EVENT, Nsp: "/"}
	kind := -1
	var data []any
	var exact []json.RawMessage
	_, err := eachField(b, func(key string, b []byte) ([]byte, error) {
		var err error
		switch key {
		case "type":
			kind, b, err = readPacketType(b)
		case "nsp":
			if packet.Nsp, b, err = readName(b); packet.Nsp == "" {
				packet.Nsp = "/"
			}
		case "data":
			data, b, err = readData(b, raw)
		case "id":
			packet.Id, b, err = readAckID(b)
		case keyExact:
			exact, b, err = readExact(b)
		default:
			return msgp.Skip(b)
		}
		return b, err
	})
	if err == nil {
		err = checkEvent(kind, data)
	}
	if err != nil {
		return nil, err
	}
	for i, text := range exact[:min(len(exact), len(data)-1)] {
		data[i+1] = orExact(data[i+1], text)
	}
	packet.Data = data
	return packet, nil
}

// readAckID reads the number with which a client is to acknowledge an event, if it is.
func readAckID(b []byte) (*uint64, []byte, error) {
	if msgp.IsNil(b) {
		return nil, b[1:], nil
	}
	id, rest, err := msgp.ReadUint64Bytes(b)
	return &id, rest, err
}

func checkEvent(packetType int, data []any) error {
	switch {
	case packetType != int(parser.EVENT) && packetType != int(parser.BINARY_EVENT):
		return fmt.Errorf("%w: packet type %d is not an event", ErrMalformed, packetType)
	case len(data) == 0:
		return fmt.Errorf("%w: an event without a name", ErrMalformed)
	default:
		return nil
	}
}

// readData reads the list of an event: its name, and the arguments.
func readData(b []byte, raw bool) ([]any, []byte, error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, b, err
	}
	if uint64(n) > uint64(len(rest)) { // each value takes at least one byte
		return nil, b, errTruncated
	}
	data := make([]any, 0, min(n, believed))
	var memory []byte
	if raw {
		memory = make([]byte, 0, len(rest)+len(rest)/8) // JSON is a little longer
	}
	for i := range n {
		var value any
		if raw && i > 0 {
			value, rest, memory, err = readRaw(memory, rest, 1)
		} else {
			value, rest, err = readValue(rest, 1)
		}
		data = append(data, value)
		if err != nil {
			return nil, b, err
		}
	}
	return data, rest, nil
}

// readExact reads the texts of arguments; see keyExact. Others than ourselves may have written them.
func readExact(b []byte) ([]json.RawMessage, []byte, error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, b, err
	}
	if uint64(n) > uint64(len(rest)) {
		return nil, b, errTruncated
	}
	texts := make([]json.RawMessage, 0, min(n, believed))
	for range n {
		var text json.RawMessage
		if msgp.IsNil(rest) {
			rest = rest[1:]
		} else if text, rest, err = readText(rest); err != nil {
			return nil, b, err
		}
		texts = append(texts, text)
	}
	return texts, rest, nil
}

// orExact returns the exact text of a raw value, if there is one.
func orExact(value any, text json.RawMessage) any {
	if _, raw := value.(json.RawMessage); raw && text != nil {
		return text
	}
	return value
}

func appendText(b []byte, text json.RawMessage) []byte { return msgp.AppendStringFromBytes(b, text) }

// readText reads a string that holds JSON.
func readText(b []byte) (json.RawMessage, []byte, error) {
	text, rest, err := msgp.ReadStringAsBytes(b, nil)
	if err != nil {
		return nil, b, err
	}
	if len(text) == 0 {
		return nil, b, errNotJSON
	}
	_, _, err = appendRaw(nil, text, 1)
	return text, rest, err
}

// readPacketType reads the type of a packet, which JavaScript writes into a text: "2" is 2.
func readPacketType(b []byte) (int, []byte, error) {
	if msgp.NextType(b) == msgp.StrType {
		text, rest, err := msgp.ReadStringBytes(b)
		if err == nil && (len(text) != 1 || text[0] < '0' || text[0] > '9') {
			err = fmt.Errorf("%w: packet type %.20q", ErrMalformed, text)
		}
		if err != nil {
			return 0, b, err
		}
		return int(text[0] - '0'), rest, nil
	}
	n, rest, err := readWhole(b)
	return int(n), rest, err
}

// readOptions reads the options of a message. What is no map has no members.
func readOptions(b []byte) (opts Options, rest []byte, err error) {
	if msgp.NextType(b) != msgp.MapType {
		rest, err = msgp.Skip(b)
		return opts, rest, err
	}
	rest, err = eachField(b, func(key string, b []byte) ([]byte, error) {
		var err error
		switch key {
		case "rooms":
			opts.Rooms, b, err = readRooms(b)
			return b, err
		case "except":
			opts.Except, b, err = readRooms(b)
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
	return eachField(b, func(key string, b []byte) ([]byte, error) {
		rest, err := msgp.Skip(b)
		if err != nil {
			return b, err
		}
		switch msgp.NextType(b) {
		case msgp.ArrayType, msgp.MapType:
			flags.Volatile = flags.Volatile || key == "volatile"
			return rest, nil // and no other flag is one of these
		}
		value, _, err := readValue(b, 0)
		switch key {
		case "volatile":
			flags.Volatile = !isFalsy(b)
		case "compress":
			if compress, ok := value.(bool); ok {
				flags.Compress = &compress
			}
		case "timeout":
			if ms, ok := asFloat(value); ok {
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

func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, true
	default:
		return 0, false
	}
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
