package wire

import (
	"encoding/json"
	"fmt"

	"chorus/adapter/wire/msgpack"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// messageType numbers the requests between servers and, from 8 on, their answers.
type messageType int

const (
	typeSockets messageType = iota
	typeAllRooms
	typeJoin
	typeLeave
	typeDisconnect
	typeFetch
	typeServerSideEmit
	typeBroadcast
	typeClientCount
	typeAck
)

// request is what a server asks of the others, as JSON. Broadcasts with acknowledgement are the
// exception: see broadcastRequest.
type request struct {
	UID       looseName         `json:"uid,omitempty"` // missing from the emitter
	RequestID requestID         `json:"requestId,omitzero"`
	Type      messageType       `json:"type"`
	Opts      *requestOptions   `json:"opts,omitempty"`
	Rooms     targetList        `json:"rooms,omitempty"`
	Close     *looseBool        `json:"close,omitempty"`
	Data      []json.RawMessage `json:"data,omitempty"`

	// The form of version 5 and before: one socket, one room.
	Sid  socket.SocketId `json:"sid,omitempty"`
	Room json.RawMessage `json:"room,omitempty"`
}

type requestOptions struct {
	Rooms  selection `json:"rooms"`
	Except selection `json:"except"`
	none   bool      // they count as none
}

// response is an answer in JSON; which fields are there depends on the question.
type response struct {
	Type        *messageType    `json:"type,omitempty"`
	RequestID   requestID       `json:"requestId"`
	Sockets     json.RawMessage `json:"sockets,omitempty"`
	Rooms       roomList        `json:"rooms,omitzero"` // [] is an answer, too
	ClientCount *uint64         `json:"clientCount,omitempty"`
	Data        json.RawMessage `json:"data,omitempty"`
}

// kinds are the requests that mean what other formats can say, too.
var kinds = map[messageType]Kind{
	typeJoin:           Join,
	typeLeave:          Leave,
	typeDisconnect:     Disconnect,
	typeFetch:          Fetch,
	typeServerSideEmit: Event,
	typeSockets:        ListSockets,
	typeAllRooms:       ListRooms,
}

// ReadRequest reads what a server, or an emitter, asks.
func ReadRequest(payload []byte) (*Message, error) {
	if !isJSON(payload) {
		return readBroadcastRequest(payload)
	}
	var r request
	if err := json.Unmarshal(payload, &r); err != nil {
		return nil, err
	}
	return r.message()
}

// message returns what the request says.
func (r *request) message() (*Message, error) {
	m := &Message{
		Kind: kinds[r.Type], Server: string(r.UID), RequestID: r.RequestID.text, numericID: r.RequestID.numeric,
		Rooms: r.Rooms, Close: r.Close != nil && bool(*r.Close),
	}
	if r.Opts != nil && r.Opts.none {
		r.Opts = nil
	}
	switch m.Kind {
	case 0:
		return nil, fmt.Errorf("%w: request type %d", ErrMalformed, r.Type)
	case Join, Leave, Disconnect:
		if r.Opts == nil {
			return m, r.readOld(m)
		}
		m.RequestID = "" // only those of the old form have an answer
	case ListSockets:
		if r.Opts == nil {
			r.Opts = &requestOptions{Rooms: selection(r.Rooms)}
		}
	}
	if r.Opts != nil {
		m.Opts.Rooms, m.Opts.Except = r.Opts.Rooms, r.Opts.Except
	}
	for _, text := range r.Data {
		m.Args = append(m.Args, text)
	}
	return m, nil
}

// readOld reads a request of the old form: it names one socket and one room, and wants an answer.
func (r *request) readOld(m *Message) error {
	m.Opts.Rooms = []socket.Room{socket.Room(r.Sid)}
	if m.Kind == Disconnect {
		return nil
	}
	if err := json.Unmarshal(append(append([]byte{'['}, r.Room...), ']'), (*targetList)(&m.Rooms)); err != nil {
		return fmt.Errorf("room: %w", err)
	}
	return nil
}

// EncodeRequest writes a message as the request that it is here.
func EncodeRequest(uid, nsp string, m *Message) ([]byte, error) {
	if m.Kind == Broadcast {
		packet, err := appendPacket(nil, m.Packet, nsp)
		if err != nil {
			return nil, err
		}
		r := broadcastRequest{uid: uid, requestID: m.id(), packet: packet, opts: m.Opts}
		return r.append(nil), nil
	}
	r := request{UID: looseName(uid), RequestID: m.id(), Rooms: m.Rooms}
	for t, k := range kinds {
		if k == m.Kind {
			r.Type = t
		}
	}
	for _, arg := range m.Args {
		text, err := textOf(arg)
		if err != nil {
			return nil, err
		}
		r.Data = append(r.Data, text)
	}
	if m.Kind == Disconnect {
		closes := looseBool(m.Close)
		r.Close = &closes
	}
	if m.Kind != Event || m.RequestID == "" { // one that wants no answer has always had them
		r.Opts = &requestOptions{Rooms: m.Opts.Rooms, Except: m.Opts.Except}
	}
	if m.Kind == Leave {
		return json.Marshal(struct {
			request
			Rooms selection `json:"rooms"`
		}{r, m.Rooms})
	}
	return json.Marshal(r)
}

// textOf returns the JSON of an argument of a server-side event, or of an answer to one. Requests are
// JSON whatever is in them.
func textOf(v any) (json.RawMessage, error) {
	if text, ok := v.(json.RawMessage); ok {
		return text, nil
	}
	return json.Marshal(v)
}

// EncodeResponse writes an answer as the response that it is here.
func EncodeResponse(m *Message) ([]byte, error) {
	r := response{RequestID: m.id()}
	var t messageType
	switch m.Kind {
	case Ack:
		return encodeAck(m)
	case Fetched:
		sockets := []wireSocket{}
		for _, s := range m.Sockets() {
			sockets = append(sockets, newWireSocket(s))
		}
		text, err := json.Marshal(sockets)
		if err != nil {
			return nil, err
		}
		r.Sockets = text
	case SocketIDs:
		ids := m.Rooms
		if ids == nil {
			ids = []socket.Room{}
		}
		text, err := json.Marshal(ids)
		if err != nil {
			return nil, err
		}
		r.Sockets = text
	case RoomNames:
		if r.Rooms = m.Rooms; r.Rooms == nil {
			r.Rooms = roomList{}
		}
	case ClientCount:
		t = typeClientCount
		r.Type, r.ClientCount = &t, &m.ClientCount
	case EventAnswer:
		t = typeServerSideEmit
		r.Type = &t
		if m.Value != nil {
			text, err := textOf(m.Value)
			if err != nil {
				return nil, err
			}
			r.Data = text
		}
	}
	return json.Marshal(r)
}

// ReadResponse reads an answer. Which it is of those in JSON only the question says for sure.
func ReadResponse(payload []byte) (*Message, error) {
	if !isJSON(payload) {
		return readAckResponse(payload)
	}
	var r response
	if err := json.Unmarshal(payload, &r); err != nil {
		return nil, err
	}
	m := &Message{Kind: EventAnswer, RequestID: r.RequestID.text}
	switch {
	case r.ClientCount != nil:
		m.Kind, m.ClientCount = ClientCount, *r.ClientCount
	case r.Sockets != nil:
		m.Kind = Fetched
	}
	if r.Data != nil {
		m.Value = r.Data
	}
	m.Sockets = func() []socket.SocketDetails { return remoteSockets(r.Sockets) }
	return m, nil
}

// isJSON tells JSON from MessagePack, as the Node.js adapter does.
func isJSON(payload []byte) bool { return len(payload) > 0 && payload[0] == '{' }

// broadcastRequest asks the others to broadcast and to gather the answers of their clients. It is
// MessagePack: the packet may hold binary.
type broadcastRequest struct {
	uid       string
	requestID requestID
	kind      messageType
	packet    msgp.Raw
	opts      Options
}

func (r *broadcastRequest) append(b []byte) []byte {
	b = msgp.AppendMapHeader(b, 5)
	b = msgp.AppendString(msgp.AppendString(b, "uid"), r.uid)
	b = r.requestID.append(msgp.AppendString(b, "requestId"))
	b = msgp.AppendInt(msgp.AppendString(b, "type"), int(typeBroadcast))
	b = append(msgp.AppendString(b, "packet"), r.packet...)
	return appendOptions(msgp.AppendString(b, "opts"), r.opts)
}

func readBroadcastRequest(b []byte) (*Message, error) {
	r := broadcastRequest{kind: -1}
	_, err := msgpack.Fields(b, func(key string, b []byte) ([]byte, error) {
		var err error
		switch key {
		case "uid":
			r.uid, b, err = msgpack.ReadName(b)
			return b, err
		case "requestId":
			r.requestID, b, err = readRequestID(b)
			return b, err
		case "type":
			var kind int64
			kind, b, err = msgpack.ReadWhole(b)
			r.kind = messageType(kind)
			return b, err
		case "packet":
			rest, err := msgp.Skip(b)
			r.packet = msgp.Raw(b[:len(b)-len(rest)])
			return rest, err
		case "opts":
			r.opts, b, err = readOptions(b)
			return b, err
		default:
			return msgp.Skip(b)
		}
	})
	if err != nil {
		return nil, err
	}
	if r.kind != typeBroadcast || r.requestID.text == "" || len(r.packet) == 0 {
		return nil, fmt.Errorf("%w: a MessagePack request must be a broadcast with a request id and a packet", ErrMalformed)
	}
	return &Message{Kind: Broadcast, Server: r.uid, RequestID: r.requestID.text, numericID: r.requestID.numeric, Opts: r.opts, body: &broadcastBody{packet: r.packet}}, nil
}

// encodeAck writes the answer of one client.
func encodeAck(m *Message) ([]byte, error) {
	b := msgp.AppendMapHeader(nil, 3)
	b = msgp.AppendInt(msgp.AppendString(b, "type"), int(typeAck))
	b = m.id().append(msgp.AppendString(b, "requestId"))
	b = msgp.AppendString(b, "packet")
	text, ok := m.Value.(json.RawMessage)
	if !ok {
		return msgpack.Append(b, m.Value, 0)
	}
	b, exact, err := msgpack.FromJSON(b, text, 0)
	if err == nil && !exact {
		b[0]++ // one field more
		b = appendText(msgp.AppendString(b, keyExact), text)
	}
	return b, err
}

// readAckResponse reads the answer of a client.
func readAckResponse(b []byte) (*Message, error) {
	m, kind := &Message{Kind: Ack}, messageType(-1)
	d := &frameData{}
	_, err := msgpack.Fields(b, func(key string, b []byte) ([]byte, error) {
		var err error
		switch key {
		case "requestId":
			m.RequestID, b, err = msgpack.ReadName(b)
		case "type":
			var n int64
			n, b, err = msgpack.ReadWhole(b)
			kind = messageType(n)
		case "packet":
			d.packet, b, err = packedField(b)
		case keyExact:
			d.exact, b, err = packedField(b)
		default:
			return msgp.Skip(b)
		}
		return b, err
	})
	if err == nil && kind != typeAck {
		err = fmt.Errorf("%w: a MessagePack response must be an acknowledgement, not type %d", ErrMalformed, kind)
	}
	m.body = d
	return m, err
}
