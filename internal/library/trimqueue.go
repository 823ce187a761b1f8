package library

import (
	"reflect"
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TrimQueue takes the room away from the queue of a socket that has nothing to do. The library gives
// every queue room for 1,024 tasks, 8 KiB, which is more than all the rest that an idle socket needs.
// A queue is as good without: it makes room for a task when one comes, and it does so anyway after
// its first 1,024 tasks, since it never goes back to the beginning of its room.
//
// The fields are the library's own: they are looked up by name and type, and a library that is built
// otherwise is left alone.
func TrimQueue(s *socket.Socket) {
	queue := reflect.ValueOf(s).Elem().FieldByName("taskQueue")
	if queue.Kind() != reflect.Pointer || queue.IsNil() || queue.Elem().Kind() != reflect.Struct {
		return
	}
	mu, tasks := queue.Elem().FieldByName("mu"), queue.Elem().FieldByName("tasks")
	if !mu.IsValid() || mu.Type() != reflect.TypeFor[sync.Mutex]() || !tasks.IsValid() || tasks.Type() != reflect.TypeFor[[]func()]() {
		return
	}
	lock := (*sync.Mutex)(mu.Addr().UnsafePointer())
	room := (*[]func())(tasks.Addr().UnsafePointer())
	lock.Lock()
	defer lock.Unlock()
	if len(*room) == 0 {
		*room = nil
	}
}
