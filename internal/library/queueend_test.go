package library

import (
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func TestQueueEnd(t *testing.T) {
	t.Parallel()
	s := socket.MakeSocket()
	end := QueueEnd(s)
	if end == nil {
		t.Fatal("the queue has no end that this package knows")
	}
	s.Enqueue(func() {
		select {
		case <-end:
			t.Error("the queue ended before its tasks")
		default:
		}
	})
	queueOf(t, s).Close()
	select {
	case <-end:
	case <-time.After(10 * time.Second):
		t.Error("the queue does not end")
	}
}
