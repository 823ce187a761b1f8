package library

import (
	"runtime"
	"testing"
	"time"

	"github.com/zishang520/socket.io/v3/pkg/utils"
)

// TestTimersEnd stops timers as soon as they are made, when most of their goroutines have not begun.
func TestTimersEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 1000 {
		stopTimer(utils.SetTimeout(func() { t.Error("a timer that was stopped has fired") }, time.Hour))
	}
	stopTimer(nil)
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, before %d", runtime.NumGoroutine(), before)
		}
	}
}
