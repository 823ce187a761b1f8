package library

import (
	"fmt"
	"reflect"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/queue"
	"github.com/zishang520/socket.io/v3/pkg/types"
	"github.com/zishang520/socket.io/v3/pkg/utils"
)

const module = "github.com/zishang520/socket.io/servers/socket/v3"

// field is a private field of the library that this package relies on.
type field struct {
	of   reflect.Type
	name string
	want reflect.Type
}

var fields = []field{
	{reflect.TypeFor[socket.Client](), "connectTimeout", reflect.TypeFor[atomic.Pointer[utils.Timer]]()},
	{reflect.TypeFor[utils.Timer](), "timer", reflect.TypeFor[*time.Timer]()},
	{reflect.TypeFor[utils.Timer](), "stopCh", reflect.TypeFor[chan struct{}]()},
	{reflect.TypeFor[socket.Socket](), "id", reflect.TypeFor[socket.SocketId]()},
	{reflect.TypeFor[socket.Socket](), "pid", reflect.TypeFor[socket.PrivateSessionId]()},
	{reflect.TypeFor[socket.Socket](), "recovered", reflect.TypeFor[bool]()},
	{reflect.TypeFor[socket.Socket](), "data", reflect.TypeFor[atomic.Pointer[any]]()},
	{reflect.TypeFor[socket.Socket](), "fns", reflect.TypeFor[*types.Slice[socket.SocketMiddleware]]()},
	{reflect.TypeFor[socket.Socket](), "taskQueue", reflect.TypeFor[*queue.Queue]()},
	{reflect.TypeFor[queue.Queue](), "mu", reflect.TypeFor[sync.Mutex]()},
	{reflect.TypeFor[queue.Queue](), "tasks", reflect.TypeFor[[]func()]()},
	{reflect.TypeFor[queue.Queue](), "done", reflect.TypeFor[chan struct{}]()},
}

// Check reports whether the library has the fields that this package relies on. The error names what
// is missing and the version of the library. Programs call it once, when they start.
func Check() error { return check(fields) }

func check(fields []field) error {
	for _, f := range fields {
		got, ok := f.of.FieldByName(f.name)
		switch {
		case !ok:
			return fmt.Errorf("library: %s %s has no field %s.%s: use the version that go.mod of this project names", module, version(), f.of, f.name)
		case got.Type != f.want:
			return fmt.Errorf("library: %s %s has %s.%s of type %s, not %s: use the version that go.mod of this project names", module, version(), f.of, f.name, got.Type, f.want)
		}
	}
	return nil
}

// version returns the version of the library that the program is built with.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown version)"
	}
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return "(unknown version)"
}
