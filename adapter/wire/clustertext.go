package wire

import (
	"encoding/json"
	"slices"
	"strconv"

	"chorus/adapter/wire/msgpack"
	"chorus/codec"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// AppendFrame appends a message {uid, nsp, type, data}: JSON unless there is binary in it, then
// MessagePack. The uid comes first, so that its sender recognizes it without reading on.
func AppendFrame(b []byte, uid, nsp string, m *Message) ([]byte, error) {
	if m.hasBinary() {
		return AppendPackedFrame(b, uid, nsp, m)
	}
	b = codec.AppendText(append(b, `{"uid":`...), uid)
	b = codec.AppendText(append(b, `,"nsp":`...), nsp)
	b = strconv.AppendInt(append(b, `,"type":`...), int64(m.Kind), 10)
	b, err := appendTextData(append(b, `,"data":`...), m)
	return append(b, '}'), err
}

// hasBinary reports whether JSON cannot say all of the message.
func (m *Message) hasBinary() bool {
	switch m.Kind {
	case Broadcast:
		return parser.HasBinary(m.Packet.Data)
	case Event:
		return parser.HasBinary(m.Args)
	case EventAnswer, Ack:
		return parser.HasBinary(m.Value)
	case Fetched:
		return slices.ContainsFunc(m.Sockets(), func(s socket.SocketDetails) bool { return parser.HasBinary(s.Data()) })
	default:
		return false
	}
}

// appendTextData appends the data of a message as JSON.
func appendTextData(b []byte, m *Message) ([]byte, error) {
	var err error
	b = append(b, '{')
	if m.RequestID != "" {
		b = appendName(b, "requestId")
		if m.numericID {
			b = append(b, m.RequestID...)
		} else {
			b = codec.AppendText(b, m.RequestID)
		}
	}
	if m.Kind.selects() {
		b = appendTextOptions(appendName(b, "opts"), &m.Opts)
	}
	switch m.Kind {
	case Broadcast:
		b = strconv.AppendInt(append(appendName(b, "packet"), `{"type":`...), int64(parser.EVENT), 10)
		if b, err = appendTextValue(append(b, `,"data":`...), m.Packet.Data); err == nil {
			if m.Packet.Id != nil {
				b = strconv.AppendUint(appendName(b, "id"), *m.Packet.Id, 10)
			}
			b = append(b, '}')
		}
	case Join:
		b = appendTextRooms(appendName(b, "rooms"), m.Rooms)
	case Leave:
		b = appendTextSelection(appendName(b, "rooms"), m.Rooms)
	case Disconnect:
		b = strconv.AppendBool(appendName(b, "close"), m.Close)
	case Fetched:
		found := m.Sockets()
		sockets := make([]wireSocket, 0, len(found))
		for _, s := range found {
			sockets = append(sockets, newWireSocket(s))
		}
		var text []byte
		text, err = json.Marshal(sockets)
		b = append(appendName(b, "sockets"), text...)
	case Event:
		b, err = appendTextValue(appendName(b, "packet"), m.Args)
	case EventAnswer, Ack:
		if m.Value != nil {
			b, err = appendTextValue(appendName(b, "packet"), m.Value)
		}
	case ClientCount:
		b = strconv.AppendUint(appendName(b, "clientCount"), m.ClientCount, 10)
	}
	return append(b, '}'), err
}

// appendName appends the name of a field of an object.
func appendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(codec.AppendText(b, name), ':')
}

func appendTextOptions(b []byte, opts *Options) []byte {
	b = appendTextSelection(append(b, `{"rooms":`...), opts.Rooms)
	b = appendTextSelection(append(b, `,"except":`...), opts.Except)
	b = append(b, `,"flags":{`...)
	if opts.Flags.Volatile {
		b = append(appendName(b, "volatile"), "true"...)
	}
	if opts.Flags.Compress != nil {
		b = strconv.AppendBool(appendName(b, "compress"), *opts.Flags.Compress)
	}
	if opts.Flags.Timeout != nil {
		b = strconv.AppendInt(appendName(b, "timeout"), opts.Flags.Timeout.Milliseconds(), 10)
	}
	if opts.Latest != "" {
		b = codec.AppendText(appendName(b, flagLatest), opts.Latest)
	}
	return append(b, '}', '}')
}

func appendTextRooms(b []byte, rooms []socket.Room) []byte {
	b = append(b, '[')
	for i, room := range rooms {
		if i > 0 {
			b = append(b, ',')
		}
		b = codec.AppendText(b, string(room))
	}
	return append(b, ']')
}

// appendTextSelection is appendSelection in JSON.
func appendTextSelection(b []byte, rooms []socket.Room) []byte {
	b = appendTextRooms(b, rooms)
	for _, n := range numbersOf(rooms) {
		b = append(strconv.AppendInt(append(b[:len(b)-1], ','), n, 10), ']')
	}
	return b
}

// appendTextValue appends a value as JSON: one that is JSON already untouched, others in the meaning
// that they have as MessagePack.
func appendTextValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case json.RawMessage:
		if len(v) == 0 {
			return append(b, "null"...), nil
		}
		// The receivers refuse what is no JSON, or too deep.
		if err := msgpack.Check(v, 1); err != nil {
			return b, err
		}
		return append(b, v...), nil
	case string:
		return codec.AppendText(b, v), nil
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendTextValue(b, item); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	default:
		packed, err := msgpack.Append(nil, v, 1)
		if err != nil {
			return b, err
		}
		b, _, err = msgpack.ToJSON(b, packed, 1)
		return b, err
	}
}
