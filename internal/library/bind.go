package library

import (
	"reflect"
	"sync/atomic"
	"time"
	"weak"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/utils"
)

// Bind binds a server to an engine, as Server.Bind does, and ends the connect timer of each client with its
// connection. The library stops the timer then, but a stop that comes before the timer's goroutine waits is
// lost, and a client that vanishes at once leaves the goroutine for ever.
//
// The library connects clients of Socket.IO 2 itself. Their first middleware has to call WatchConnectTimer.
func Bind(io *socket.Server, e engine.BaseServer) error {
	io.Bind(e)
	listeners := e.Listeners("connection")
	bound := listeners[len(listeners)-1]
	e.RemoveListener("connection", bound)
	return e.On("connection", func(args ...any) {
		conn := args[0].(engine.Socket) //nolint:errcheck,forcetypeassert // the library's contract for this event
		if conn.Protocol() == 3 {
			bound(args...)
			return
		}
		WatchConnectTimer(socket.NewClient(io, conn))
	})
}

// WatchConnectTimer ends the connect timer of a client with its connection.
func WatchConnectTimer(c *socket.Client) {
	pointer, ok := fieldOf[atomic.Pointer[utils.Timer]](c, "connectTimeout")
	if !ok {
		return
	}
	timer := pointer.Load()
	if timer == nil {
		return
	}
	inner := reflect.ValueOf(timer).Elem().FieldByName("timer")
	if !inner.IsValid() || inner.Type() != reflect.TypeFor[*time.Timer]() {
		return
	}
	// The goroutine that waits keeps the timer. Without it there is nothing to end.
	running := weak.Make((*time.Timer)(inner.UnsafePointer()))
	_ = c.Conn().Once("close", func(...any) {
		// The timer runs out at once. A goroutine that missed the stop wakes, finds the connection closed, and ends.
		if again := running.Value(); again != nil {
			again.Reset(0)
		}
	})
}
