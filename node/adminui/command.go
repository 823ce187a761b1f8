package adminui

import (
	"encoding/json"

	"chorus/codec"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// command has a UI do what its user asks for. An empty filter is every socket of a namespace, any other a room or the id
// of a socket. What it does reaches the sockets of all nodes.
func (s *Server) command(one *socket.Socket) {
	on := func(event string, do func(to *socket.BroadcastOperator, args []any)) {
		_ = one.On(event, func(args ...any) { // it fails for reserved names only
			values, _ := codec.SplitAck(args)
			if len(values) < 2 {
				return
			}
			name, _ := textOf(values[0])
			nsp := s.existing(name)
			if nsp == nil {
				return
			}
			filter := values[1]
			if event != "emit" {
				filter = nil
				if len(values) > 2 {
					filter = values[2]
				}
			}
			to := socket.NewBroadcastOperator(nsp.Adapter(), nil, nil, nil)
			if room, ok := textOf(filter); ok && room != "" {
				to = nsp.In(socket.Room(room))
			}
			do(to, values[1:])
		})
	}
	on("emit", func(to *socket.BroadcastOperator, args []any) {
		if len(args) < 2 {
			return
		}
		if event, ok := textOf(args[1]); ok && event != "" {
			_ = to.Emit(event, args[2:]...)
		}
	})
	on("join", func(to *socket.BroadcastOperator, args []any) {
		if room, ok := textOf(args[0]); ok && room != "" {
			to.SocketsJoin(socket.Room(room))
		}
	})
	on("leave", func(to *socket.BroadcastOperator, args []any) {
		if room, ok := textOf(args[0]); ok && room != "" {
			to.SocketsLeave(socket.Room(room))
		}
	})
	on("_disconnect", func(to *socket.BroadcastOperator, args []any) {
		to.DisconnectSockets(boolOf(args[0]))
	})
}

// existing returns a namespace that exists. One that a UI names does not come into being by that.
func (s *Server) existing(name string) socket.Namespace {
	var found socket.Namespace
	s.namespaces(func(nsp socket.Namespace) {
		if nsp.Name() == name {
			found = nsp
		}
	})
	return found
}

// textOf returns an argument that is a string.
func textOf(arg any) (string, bool) {
	switch v := arg.(type) {
	case string:
		return v, true
	case json.RawMessage:
		var text *string
		if json.Unmarshal(v, &text) == nil && text != nil {
			return *text, true
		}
	}
	return "", false
}

func boolOf(arg any) bool {
	switch v := arg.(type) {
	case bool:
		return v
	case json.RawMessage:
		return string(v) == "true"
	}
	return false
}
