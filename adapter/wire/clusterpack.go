package wire

import (
	"encoding/json"

	"chorus/adapter/wire/msgpack"

	"github.com/tinylib/msgp/msgp"
)

// AppendPackedFrame appends a message {uid, nsp, type, data} as MessagePack.
func AppendPackedFrame(b []byte, uid, nsp string, m *Message) ([]byte, error) {
	b = msgp.AppendMapHeader(b, 4)
	b = msgp.AppendString(msgp.AppendString(b, "uid"), uid)
	b = msgp.AppendString(msgp.AppendString(b, "nsp"), nsp)
	b = msgp.AppendInt(msgp.AppendString(b, "type"), int(m.Kind))
	return appendPackedData(msgp.AppendString(b, "data"), nsp, m)
}

// appendPackedData appends the data of a message as MessagePack.
func appendPackedData(b []byte, nsp string, m *Message) ([]byte, error) {
	var err error
	start := len(b)
	b = msgp.AppendMapHeader(b, 0)
	name := func(b []byte, name string) []byte {
		b[start]++ // there are never more than the shortest header can count
		return msgp.AppendString(b, name)
	}
	if m.RequestID != "" {
		b = m.id().append(name(b, "requestId"))
	}
	if m.Kind.selects() {
		b = appendOptions(name(b, "opts"), m.Opts)
	}
	switch m.Kind {
	case Broadcast:
		return appendPacket(name(b, "packet"), m.Packet, nsp)
	case Join:
		return AppendRooms(name(b, "rooms"), m.Rooms), nil
	case Leave:
		return appendSelection(name(b, "rooms"), m.Rooms), nil
	case Disconnect:
		return msgp.AppendBool(name(b, "close"), m.Close), nil
	case Fetched:
		sockets := m.Sockets()
		b = msgp.AppendArrayHeader(name(b, "sockets"), uint32(len(sockets))) //nolint:gosec // there are never that many
		for _, s := range sockets {
			if b, err = appendPackedSocket(b, s); err != nil {
				return b, err
			}
		}
	case Event:
		b, _, err = appendData(name(b, "packet"), m.Args)
		return b, err
	case EventAnswer, Ack:
		text, ok := m.Value.(json.RawMessage)
		switch {
		case m.Value == nil:
		case !ok:
			b, err = msgpack.Append(name(b, "packet"), m.Value, 1)
		default:
			var exact bool
			if b, exact, err = msgpack.FromJSON(name(b, "packet"), text, 1); err == nil && !exact {
				b = appendText(name(b, keyExact), text)
			}
		}
	case ClientCount:
		b = msgp.AppendUint64(name(b, "clientCount"), m.ClientCount)
	}
	return b, err
}
