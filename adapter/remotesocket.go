package adapter

import (
	"encoding/json"
	"strings"

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
