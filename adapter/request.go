package adapter

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

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
	Rooms  roomList `json:"rooms"`
	Except roomList `json:"except"`
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

func (r *ackResponse) append(b []byte) ([]byte, error) {
	start := len(b)
	b = msgp.AppendMapHeader(b, 3)
	b = msgp.AppendInt(msgp.AppendString(b, "type"), int(typeAck))
	b = msgp.AppendString(msgp.AppendString(b, "requestId"), r.requestID)
	b = msgp.AppendString(b, "packet")
	text, ok := r.value.(json.RawMessage)
	if !ok {
		return appendValue(b, r.value, 0)
	}
	b, exact, err := appendRaw(b, text, 0)
	if err == nil && !exact {
		b[start]++ // one field more
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

// wireSocket is a socket in the answer to a fetch request.
type wireSocket struct {
	ID        socket.SocketId `json:"id"`
	Handshake json.RawMessage `json:"handshake"`
	Rooms     roomList        `json:"rooms"`
	Data      json.RawMessage `json:"data"`
}

// newWireSocket writes a socket of this node. What JSON cannot say of its data is left out: one
// strange value must not cost the asker all sockets of this node.
func newWireSocket(s socket.SocketDetails) wireSocket {
	w := wireSocket{ID: s.Id(), Rooms: s.Rooms().Keys()}
	handshake := *s.Handshake()
	handshake.Headers = singleValues(handshake.Headers, strings.ToLower)
	handshake.Query = singleValues(handshake.Query, func(name string) string { return name })
	w.Handshake = jsonOrEmpty(handshake)
	w.Data = jsonOrEmpty(s.Data())
	return w
}

// jsonOrEmpty writes v, or the empty object that Node.js has where nothing was set.
func jsonOrEmpty(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil || v == nil {
		return json.RawMessage("{}")
	}
	return text
}

// singleValues turns the lists of one value, which the library keeps, into the plain strings that
// Node.js has for headers and query parameters, under the name that it has there.
func singleValues[M ~map[string]any](m M, rename func(string) string) M {
	out := make(M, len(m))
	for name, value := range m {
		if list, ok := value.([]string); ok && len(list) == 1 {
			value = list[0]
		}
		out[rename(name)] = value
	}
	return out
}

// remoteSocket is a socket of another server.
type remoteSocket struct {
	id        socket.SocketId
	handshake *socket.Handshake
	rooms     []socket.Room
	data      any
}

func newRemoteSocket(w wireSocket) *remoteSocket {
	r := &remoteSocket{id: w.ID, handshake: &socket.Handshake{}, rooms: w.Rooms}
	// A foreign server may have a handshake of another shape; what fits is kept.
	_ = json.Unmarshal(w.Handshake, r.handshake)
	r.data, _ = plainJSON(w.Data)
	return r
}

func (r *remoteSocket) Id() socket.SocketId { return r.id } //nolint:revive // the library's name

func (r *remoteSocket) Handshake() *socket.Handshake { return r.handshake }

func (r *remoteSocket) Rooms() *types.Set[socket.Room] { return types.NewSet(r.rooms...) }

func (r *remoteSocket) Data() any { return r.data }

// timeoutOf returns the caller's own timeout for a request, else the default.
func timeoutOf(opts *socket.BroadcastOptions, fallback time.Duration) time.Duration {
	if t := flagsOf(opts).Timeout; t != nil && *t > 0 {
		return *t
	}
	return fallback
}
