package adapter

import (
	"encoding/json"

	"github.com/tinylib/msgp/msgp"
)

// appendPackedFrame appends a message {uid, nsp, type, data} as MessagePack.
func appendPackedFrame(b []byte, uid, nsp string, m *clusterMessage) ([]byte, error) {
	b = msgp.AppendMapHeader(b, 4)
	b = msgp.AppendString(msgp.AppendString(b, "uid"), uid)
	b = msgp.AppendString(msgp.AppendString(b, "nsp"), nsp)
	b = msgp.AppendInt(msgp.AppendString(b, "type"), int(m.kind))
	return appendPackedData(msgp.AppendString(b, "data"), nsp, m)
}

// appendPackedData appends the data of a message as MessagePack.
func appendPackedData(b []byte, nsp string, m *clusterMessage) ([]byte, error) {
	var err error
	start := len(b)
	b = msgp.AppendMapHeader(b, 0)
	name := func(b []byte, name string) []byte {
		b[start]++ // there are never more than the shortest header can count
		return msgp.AppendString(b, name)
	}
	if m.requestID != "" {
		b = msgp.AppendString(name(b, "requestId"), m.requestID)
	}
	if m.kind.selects() {
		b = appendOptions(name(b, "opts"), m.opts)
	}
	switch m.kind {
	case kindBroadcast:
		return appendPacket(name(b, "packet"), m.packet, nsp)
	case kindJoin:
		return appendRooms(name(b, "rooms"), m.rooms), nil
	case kindLeave:
		return appendSelection(name(b, "rooms"), m.rooms), nil
	case kindDisconnect:
		return msgp.AppendBool(name(b, "close"), m.close), nil
	case kindFetched:
		sockets := m.sockets()
		b = msgp.AppendArrayHeader(name(b, "sockets"), uint32(len(sockets))) //nolint:gosec // there are never that many
		for _, s := range sockets {
			if b, err = appendPackedSocket(b, s); err != nil {
				return b, err
			}
		}
	case kindEvent:
		b, _, err = appendData(name(b, "packet"), m.args)
		return b, err
	case kindEventAnswer, kindAck:
		text, ok := m.value.(json.RawMessage)
		switch {
		case m.value == nil:
		case !ok:
			b, err = appendValue(name(b, "packet"), m.value, 1)
		default:
			var exact bool
			if b, exact, err = appendRaw(name(b, "packet"), text, 1); err == nil && !exact {
				b = appendText(name(b, keyExact), text)
			}
		}
	case kindClientCount:
		b = msgp.AppendUint64(name(b, "clientCount"), m.clientCount)
	}
	return b, err
}
