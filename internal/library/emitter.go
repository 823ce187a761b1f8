package library

import (
	"chorus/internal/emitter"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// ReplaceEmitter gives a socket an emitter that takes a fraction of the memory, with the listeners that the library has
// registered. Call it in the first middleware, before others listen to the socket.
func ReplaceEmitter(s *socket.Socket) {
	events := s.StrictEventEmitter
	lean := new(emitter.Emitter)
	for _, name := range events.EventNames() {
		_ = lean.On(name, events.Listeners(string(name))...) // it never fails
	}
	events.EventEmitter = lean
}
