package wire

import (
	"encoding/json"
	"strings"

	"chorus/adapter/wire/msgpack"
	"chorus/internal/library"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

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
	handshake.Headers = singleValues(handshake.Headers)
	handshake.Query = library.LastValues(handshake.Query)
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

// singleValues turns the lists of one value, which the library keeps, into the plain strings that Node.js has for headers,
// under the name that it has there.
func singleValues(headers types.IncomingHttpHeaders) types.IncomingHttpHeaders {
	out := make(types.IncomingHttpHeaders, len(headers))
	for name, value := range headers {
		if list, ok := value.([]string); ok && len(list) == 1 {
			value = list[0]
		}
		out[strings.ToLower(name)] = value
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

// remoteSockets reads the sockets of an answer, none where they cannot be read.
func remoteSockets(text json.RawMessage) []socket.SocketDetails {
	var wired []wireSocket
	if json.Unmarshal(text, &wired) != nil {
		return nil
	}
	sockets := make([]socket.SocketDetails, len(wired))
	for i, w := range wired {
		sockets[i] = newRemoteSocket(w)
	}
	return sockets
}

// remoteSockets reads the sockets of an answer in either form.
func (f frameField) remoteSockets() []socket.SocketDetails {
	if f.text != nil {
		return remoteSockets(f.text)
	}
	n, b, err := msgp.ReadArrayHeaderBytes(f.packed)
	if err != nil {
		return nil
	}
	var sockets []socket.SocketDetails
	for range n { // however large: each takes at least one byte of b
		var s *remoteSocket
		if s, b, err = readPackedSocket(b); err != nil {
			return nil
		}
		sockets = append(sockets, s)
	}
	return sockets
}

// appendPackedSocket writes a socket of this node whose data may hold binary.
func appendPackedSocket(b []byte, s socket.SocketDetails) ([]byte, error) {
	w := newWireSocket(s)
	b = msgp.AppendMapHeader(b, 4)
	b = msgp.AppendString(msgp.AppendString(b, "id"), string(w.ID))
	b, _, err := msgpack.FromJSON(msgp.AppendString(b, "handshake"), w.Handshake, 1)
	if err != nil {
		return b, err
	}
	b = AppendRooms(msgp.AppendString(b, "rooms"), w.Rooms)
	b = msgp.AppendString(b, "data")
	if data := s.Data(); parser.HasBinary(data) {
		if packed, err := msgpack.Append(nil, data, 1); err == nil {
			return append(b, packed...), nil
		}
	}
	b, _, err = msgpack.FromJSON(b, w.Data, 1)
	return b, err
}

// readPackedSocket reads one and returns the bytes after it.
func readPackedSocket(b []byte) (*remoteSocket, []byte, error) {
	r := &remoteSocket{handshake: &socket.Handshake{}}
	rest, err := msgpack.Fields(b, func(key string, b []byte) ([]byte, error) {
		var err error
		switch key {
		case "id":
			var id string
			id, b, err = msgp.ReadStringBytes(b)
			r.id = socket.SocketId(id)
		case "handshake":
			var handshake any
			if handshake, b, _, err = msgpack.ReadRaw(nil, b, 1); err == nil {
				text, _ := handshake.(json.RawMessage) // with binary inside it is not ours to understand
				_ = json.Unmarshal(text, r.handshake)  // as above
			}
		case "rooms":
			r.rooms, b, err = ReadRooms(b)
		case "data":
			var data any
			if data, b, _, err = msgpack.ReadRaw(nil, b, 1); err == nil {
				r.data, _ = msgpack.Plain(data)
			}
		default:
			return msgp.Skip(b)
		}
		return b, err
	})
	return r, rest, err
}

func newRemoteSocket(w wireSocket) *remoteSocket {
	r := &remoteSocket{id: w.ID, handshake: &socket.Handshake{}, rooms: w.Rooms}
	// A foreign server may have a handshake of another shape; what fits is kept.
	_ = json.Unmarshal(w.Handshake, r.handshake)
	r.data, _ = msgpack.PlainJSON(w.Data)
	return r
}

func (r *remoteSocket) Id() socket.SocketId { return r.id } //nolint:revive // the library's name

func (r *remoteSocket) Handshake() *socket.Handshake { return r.handshake }

func (r *remoteSocket) Rooms() *types.Set[socket.Room] { return types.NewSet(r.rooms...) }

func (r *remoteSocket) Data() any { return r.data }
