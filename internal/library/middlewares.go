package library

import (
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Middlewares returns the middlewares of a socket, those of Socket.Use. It reports false when the library is
// built otherwise.
func Middlewares(s *socket.Socket) (*types.Slice[socket.SocketMiddleware], bool) {
	field, ok := fieldOf[*types.Slice[socket.SocketMiddleware]](s, "fns")
	if !ok {
		return nil, false
	}
	return *field, true
}
