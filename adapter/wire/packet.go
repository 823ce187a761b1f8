package wire

import (
	"encoding/json"
	"fmt"

	"chorus/adapter/wire/msgpack"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
)

// The bytes that @socket.io/redis-adapter 8 puts on Redis. A broadcast is the MessagePack array
// [uid, {type, data, nsp}, {rooms, except, flags}]; requests and responses are JSON objects, or
// MessagePack maps where values of clients are inside.

// ErrMalformed is part of each error about a message that makes no sense.
var ErrMalformed = msgpack.ErrMalformed

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
// cannot say exactly (see msgpack.FromJSON). In a packet it is an array with the text, or nil, of each
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
		b, err = msgpack.Append(b, data, 0)
		return b, nil, err
	}
	b = msgp.AppendArrayHeader(b, uint32(len(args))) //nolint:gosec // a list is never that long
	done := 0                                        // arguments that exact says something of
	for i, arg := range args {
		text, ok := arg.(json.RawMessage)
		if !ok {
			if b, err = msgpack.Append(b, arg, 1); err != nil {
				return b, nil, err
			}
			continue
		}
		same := false
		if b, same, err = msgpack.FromJSON(b, text, 1); err != nil {
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
	if m.Server, b, err = msgpack.ReadName(b); err != nil {
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
	_, err := msgpack.Fields(b, func(key string, b []byte) ([]byte, error) {
		var err error
		switch key {
		case "type":
			kind, b, err = readPacketType(b)
		case "nsp":
			if packet.Nsp, b, err = msgpack.ReadName(b); packet.Nsp == "" {
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
		return nil, b, msgpack.ErrTruncated
	}
	data := make([]any, 0, min(n, msgpack.Believed))
	var memory []byte
	if raw {
		memory = make([]byte, 0, len(rest)+len(rest)/8) // JSON is a little longer
	}
	for i := range n {
		var value any
		if raw && i > 0 {
			value, rest, memory, err = msgpack.ReadRaw(memory, rest, 1)
		} else {
			value, rest, err = msgpack.Read(rest, 1)
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
		return nil, b, msgpack.ErrTruncated
	}
	texts := make([]json.RawMessage, 0, min(n, msgpack.Believed))
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
		return nil, b, msgpack.ErrNotJSON
	}
	_, _, err = msgpack.FromJSON(nil, text, 1)
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
	n, rest, err := msgpack.ReadWhole(b)
	return int(n), rest, err
}
