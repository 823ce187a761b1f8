package library

import (
	"reflect"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/queue"
)

func TestReleasedQueueIsFreed(t *testing.T) {
	s := socket.MakeSocket()
	ReleaseQueue(s)
	q := queueOf(t, s)
	freed := weak.Make(q)
	q.Close()
	s, q = nil, nil
	for end := time.Now().Add(10 * time.Second); freed.Value() != nil; runtime.GC() {
		if time.Now().After(end) {
			t.Fatal("the queue of a socket that is gone is still there")
		}
	}
}

// queueOf returns the queue of a socket.
func queueOf(t *testing.T, s *socket.Socket) *queue.Queue {
	t.Helper()
	return (*queue.Queue)(reflect.ValueOf(s).Elem().FieldByName("taskQueue").UnsafePointer())
}
