package library

import (
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Recover makes a socket that has not connected yet the one with these ids, recovered: the library itself
// does that before any middleware has run. It returns false, and changes nothing, when the library is built
// otherwise.
func Recover(s *socket.Socket, id socket.SocketId, pid socket.PrivateSessionId) bool {
	to, ok := fieldOf[socket.SocketId](s, "id")
	private, ok2 := fieldOf[socket.PrivateSessionId](s, "pid")
	recovered, ok3 := fieldOf[bool](s, "recovered")
	if !ok || !ok2 || !ok3 {
		return false
	}
	*to, *private, *recovered = id, pid, true
	return true
}

// PrivateID returns the private id of a socket; empty when it has none.
func PrivateID(s *socket.Socket) socket.PrivateSessionId {
	if pid, ok := fieldOf[socket.PrivateSessionId](s, "pid"); ok {
		return *pid
	}
	return ""
}

// DataVersion returns what differs after each SetData of the socket; nil when that cannot be told. It must
// not outlive the socket's data, which would not be freed.
func DataVersion(s *socket.Socket) any {
	if data, ok := fieldOf[atomic.Pointer[any]](s, "data"); ok {
		return data.Load()
	}
	return nil
}

// fieldOf returns the field of a struct that has this name and type.
func fieldOf[T, S any](s *S, name string) (*T, bool) {
	field := reflect.ValueOf(s).Elem().FieldByName(name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[T]() {
		return nil, false
	}
	return (*T)(unsafe.Pointer(field.UnsafeAddr())), true //nolint:gosec // the type is that of the field
}
