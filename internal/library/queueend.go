package library

import (
	"reflect"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/queue"
)

// QueueEnd returns a channel that is closed when the queue of a socket has ended: with the socket, or because the socket
// was refused. From then on Enqueue does nothing. nil if the library is built otherwise.
func QueueEnd(s *socket.Socket) <-chan struct{} {
	field := reflect.ValueOf(s).Elem().FieldByName("taskQueue")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*queue.Queue]() {
		return nil
	}
	done := field.Elem().FieldByName("done")
	if !done.IsValid() || done.Type() != reflect.TypeFor[chan struct{}]() {
		return nil
	}
	return *(*chan struct{})(done.Addr().UnsafePointer())
}
