package library

import (
	"reflect"
	"sync/atomic"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/utils"
)

// StopConnectTimer stops the timer that would close a client's connection if it joined no namespace;
// it is for clients that have. The library stops it as well, but a stop that comes before the timer's
// goroutine has begun to wait is lost, and then the goroutine waits for ever.
func StopConnectTimer(c *socket.Client) {
	field := reflect.ValueOf(c).Elem().FieldByName("connectTimeout")
	if !field.IsValid() || field.Type() != reflect.TypeFor[atomic.Pointer[utils.Timer]]() {
		return
	}
	pointer := (*atomic.Pointer[utils.Timer])(field.Addr().UnsafePointer())
	stopTimer(pointer.Swap(nil)) // the library finds nothing to stop
}

// stopTimer ends the goroutine of a timer. The library may stop the timer in the same moment, and
// then sends on the channel: closing it would panic there. So the channel is closed only by the one
// that stops the timer, of which there is one. Then the library finds the timer stopped, and does not send.
func stopTimer(t *utils.Timer) {
	if t == nil {
		return
	}
	timer, stop := reflect.ValueOf(t).Elem().FieldByName("timer"), reflect.ValueOf(t).Elem().FieldByName("stopCh")
	if !timer.IsValid() || timer.Type() != reflect.TypeFor[*time.Timer]() || !stop.IsValid() || stop.Type() != reflect.TypeFor[chan struct{}]() {
		t.Stop()
		return
	}
	if (*time.Timer)(timer.UnsafePointer()).Stop() {
		close(*(*chan struct{})(stop.Addr().UnsafePointer())) // seen whenever the goroutine looks
	}
}
