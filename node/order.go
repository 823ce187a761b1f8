package node

import (
	"chorus/internal/library"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// connectInOrder is a middleware that keeps the connection from being read until its handlers
// stand: the library acknowledges a CONNECT packet before it knows the socket by its namespace,
// and an event that came right behind would close the connection.
func connectInOrder(s *socket.Socket, next func(*socket.ExtendedError)) {
	library.ReleaseQueue(s) // the first middleware sees every socket, also those that are refused
	connected := make(chan struct{})
	s.Enqueue(func() {
		// next enqueues the rest of the connection, this comes behind it.
		defer s.Enqueue(func() { close(connected) })
		next(nil)
	})
	<-connected
}
