package adapter

import (
	"encoding/json"
	"fmt"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
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
	UID       string            `json:"uid,omitempty"` // missing from the emitter
	RequestID string            `json:"requestId,omitempty"`
	Type      messageType       `json:"type"`
	Opts      *requestOptions   `json:"opts,omitempty"`
	Rooms     roomList          `json:"rooms,omitempty"`
	Close     *bool             `json:"close,omitempty"`
	Data      []json.RawMessage `json:"data,omitempty"`

	// The form of version 5 and before: one socket, one room.
	Sid  socket.SocketId `json:"sid,omitempty"`
	Room json.RawMessage `json:"room,omitempty"`
}

type requestOptions struct {
	Rooms  selection `json:"rooms"`
	Except selection `json:"except"`
}

// orRooms selects by rooms when the request has no options, as the oldest kind of request does.
func (o *requestOptions) orRooms(rooms roomList) *socket.BroadcastOptions {
	if o == nil {
		o = &requestOptions{Rooms: selection(rooms)}
	}
	return o.broadcastOptions()
}

func (o *requestOptions) broadcastOptions() *socket.BroadcastOptions {
	if o == nil {
		o = &requestOptions{}
	}
	return &socket.BroadcastOptions{Rooms: types.NewSet(o.Rooms...), Except: types.NewSet(o.Except...)}
}

// response is an answer in JSON; which fields are there depends on the question.
type response struct {
	Type        *messageType    `json:"type,omitempty"`
	RequestID   string          `json:"requestId"`
	Sockets     json.RawMessage `json:"sockets,omitempty"`
	Rooms       roomList        `json:"rooms,omitzero"` // [] is an answer, too
	ClientCount *uint64         `json:"clientCount,omitempty"`
	Data        json.RawMessage `json:"data,omitempty"`
}

// kinds are the requests that mean what other formats can say, too.
var kinds = map[messageType]kind{
	typeJoin:           kindJoin,
	typeLeave:          kindLeave,
	typeDisconnect:     kindDisconnect,
	typeFetch:          kindFetch,
	typeServerSideEmit: kindEvent,
}

// message returns what the request says.
func (r *request) message() (*clusterMessage, error) {
	m := &clusterMessage{
		kind: kinds[r.Type], uid: r.UID, requestID: r.RequestID,
		rooms: r.Rooms, close: r.Close != nil && *r.Close,
	}
	if m.kind == 0 {
		return nil, fmt.Errorf("%w: request type %d", errMalformed, r.Type)
	}
	if r.Opts != nil {
		m.opts.rooms, m.opts.except = r.Opts.Rooms, r.Opts.Except
	}
	for _, text := range r.Data {
		m.args = append(m.args, text)
	}
	return m, nil
}

// encodeRequest writes a message as the request that it is here.
func encodeRequest(uid string, m clusterMessage) ([]byte, error) {
	r := request{UID: uid, RequestID: m.requestID, Rooms: m.rooms}
	for t, k := range kinds {
		if k == m.kind {
			r.Type = t
		}
	}
	for _, arg := range m.args {
		text, err := textOf(arg)
		if err != nil {
			return nil, err
		}
		r.Data = append(r.Data, text)
	}
	if m.kind == kindDisconnect {
		r.Close = &m.close
	}
	if m.kind != kindEvent || m.requestID == "" { // one that wants no answer has always had them
		r.Opts = &requestOptions{Rooms: m.opts.rooms, Except: m.opts.except}
	}
	if m.kind == kindLeave {
		return json.Marshal(struct {
			request
			Rooms selection `json:"rooms"`
		}{r, m.rooms})
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

// encodeResponse writes an answer as the response that it is here.
func encodeResponse(m clusterMessage) ([]byte, error) {
	r := response{RequestID: m.requestID}
	var t messageType
	switch m.kind {
	case kindAck:
		ack := ackResponse{requestID: m.requestID, value: m.value}
		return ack.encode()
	case kindFetched:
		sockets := []wireSocket{}
		for _, s := range m.sockets() {
			sockets = append(sockets, newWireSocket(s))
		}
		text, err := json.Marshal(sockets)
		if err != nil {
			return nil, err
		}
		r.Sockets = text
	case kindClientCount:
		t = typeClientCount
		r.Type, r.ClientCount = &t, &m.clientCount
	case kindEventAnswer:
		t = typeServerSideEmit
		r.Type = &t
		if m.value != nil {
			text, err := textOf(m.value)
			if err != nil {
				return nil, err
			}
			r.Data = text
		}
	}
	return json.Marshal(r)
}

// readResponse reads an answer. Which it is of those in JSON only the question says for sure.
func readResponse(payload []byte, raw bool) (*clusterMessage, error) {
	if !isJSON(payload) {
		r, err := readAckResponse(payload, raw)
		if err != nil {
			return nil, err
		}
		return &clusterMessage{kind: kindAck, requestID: r.requestID, value: r.value}, nil
	}
	var r response
	if err := json.Unmarshal(payload, &r); err != nil {
		return nil, err
	}
	m := &clusterMessage{kind: kindEventAnswer, requestID: r.RequestID}
	switch {
	case r.ClientCount != nil:
		m.kind, m.clientCount = kindClientCount, *r.ClientCount
	case r.Sockets != nil:
		m.kind = kindFetched
	}
	if r.Data != nil {
		m.value = r.Data
	}
	m.sockets = func() []socket.SocketDetails { return remoteSockets(r.Sockets) }
	return m, nil
}

// isJSON tells JSON from MessagePack, as the Node.js adapter does.
func isJSON(payload []byte) bool { return len(payload) > 0 && payload[0] == '{' }

// broadcastRequest asks the others to broadcast and to gather the answers of their clients. It is
// MessagePack: the packet may hold binary.
type broadcastRequest struct {
	uid       string
	requestID string
	kind      messageType
	packet    msgp.Raw
	opts      wireOptions
}

func (r *broadcastRequest) append(b []byte) []byte {
	b = msgp.AppendMapHeader(b, 5)
	b = msgp.AppendString(msgp.AppendString(b, "uid"), r.uid)
	b = msgp.AppendString(msgp.AppendString(b, "requestId"), r.requestID)
	b = msgp.AppendInt(msgp.AppendString(b, "type"), int(typeBroadcast))
	b = append(msgp.AppendString(b, "packet"), r.packet...)
	return appendOptions(msgp.AppendString(b, "opts"), r.opts)
}

func readBroadcastRequest(b []byte) (r broadcastRequest, err error) {
	r.kind = -1
	_, err = eachField(b, func(key string, b []byte) ([]byte, error) {
		var err error
		switch key {
		case "uid":
			r.uid, b, err = msgp.ReadStringBytes(b)
			return b, err
		case "requestId":
			r.requestID, b, err = msgp.ReadStringBytes(b)
			return b, err
		case "type":
			var kind int
			kind, b, err = msgp.ReadIntBytes(b)
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
		return r, err
	}
	if r.kind != typeBroadcast || r.requestID == "" || len(r.packet) == 0 {
		return r, fmt.Errorf("%w: a MessagePack request must be a broadcast with a request id and a packet", errMalformed)
	}
	return r, nil
}

// ackResponse carries the answer of one client.
type ackResponse struct {
	requestID string
	kind      messageType
	value     any
}

func (r *ackResponse) encode() ([]byte, error) {
	b := msgp.AppendMapHeader(nil, 3)
	b = msgp.AppendInt(msgp.AppendString(b, "type"), int(typeAck))
	b = msgp.AppendString(msgp.AppendString(b, "requestId"), r.requestID)
	b = msgp.AppendString(b, "packet")
	text, ok := r.value.(json.RawMessage)
	if !ok {
		return appendValue(b, r.value, 0)
	}
	b, exact, err := appendRaw(b, text, 0)
	if err == nil && !exact {
		b[0]++ // one field more
		b = appendText(msgp.AppendString(b, keyExact), text)
	}
	return b, err
}

// readAckResponse reads the answer of a client, as json.RawMessage where it can be if raw is set.
func readAckResponse(b []byte, raw bool) (r ackResponse, err error) {
	r.kind = -1
	var exact json.RawMessage
	_, err = eachField(b, func(key string, b []byte) ([]byte, error) {
		var err error
		switch key {
		case "requestId":
			r.requestID, b, err = msgp.ReadStringBytes(b)
		case "type":
			var kind int
			kind, b, err = msgp.ReadIntBytes(b)
			r.kind = messageType(kind)
		case "packet":
			if raw {
				r.value, b, _, err = readRaw(nil, b, 0)
			} else {
				r.value, b, err = readValue(b, 0)
			}
		case keyExact:
			exact, b, err = readText(b)
		default:
			return msgp.Skip(b)
		}
		return b, err
	})
	if err == nil && r.kind != typeAck {
		err = fmt.Errorf("%w: a MessagePack response must be an acknowledgement, not type %d", errMalformed, r.kind)
	}
	r.value = orExact(r.value, exact)
	return r, err
}
