// Package library mends what the objects of the library hold on to. It reaches into them by the names and
// types of their fields, and leaves a library that is built otherwise alone; its tests notice that.
package library

import (
	"reflect"
	"runtime"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/queue"
)

// ReleaseQueue has the queue of a socket freed when the socket is. It has a finalizer and, through its
// condition variable, refers to itself; Go never frees what does both (runtime.SetFinalizer), and
// that would be 8 KB for every socket there ever was, those that were refused as well. Nothing needs
// the finalizer: the library closes the queue with the socket.
func ReleaseQueue(s *socket.Socket) {
	field := reflect.ValueOf(s).Elem().FieldByName("taskQueue")
	if field.IsValid() && field.Type() == reflect.TypeFor[*queue.Queue]() {
		runtime.SetFinalizer((*queue.Queue)(field.UnsafePointer()), nil)
	}
}
