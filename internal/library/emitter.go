package library

import (
	"chorus/internal/emitter"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// ReplaceEmitter gives a socket an emitter that takes a fraction of the memory. Call it in the first middleware, before
// anybody listens to the socket.
func ReplaceEmitter(s *socket.Socket) {
	if events := s.StrictEventEmitter; events.Len() == 0 {
		events.EventEmitter = new(emitter.Emitter)
	}
}
