package library

import (
	"reflect"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestTrim fails when the library's queue is built otherwise than Trim knows: then
// either the library has mended it, or idle sockets take 8 KiB more.
func TestTrim(t *testing.T) {
	t.Parallel()
	s := socket.MakeSocket()
	room := func() int {
		return reflect.ValueOf(s).Elem().FieldByName("taskQueue").Elem().FieldByName("tasks").Cap()
	}
	if room() == 0 {
		t.Fatal("a queue has no room to begin with")
	}
	TrimQueue(s)
	if room() != 0 {
		t.Errorf("there is room for %d tasks", room())
	}
	ran := make(chan int, 3)
	for i := range cap(ran) {
		s.Enqueue(func() { ran <- i })
	}
	for i := range cap(ran) {
		if got := <-ran; got != i {
			t.Errorf("task %d came as number %d", got, i)
		}
	}
}
