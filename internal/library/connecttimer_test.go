package library

import (
	"runtime"
	"sync"
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

// TestTimerThatTheLibraryStopsAsWell stops timers from two sides: the library's Stop sends on a channel
// that stopTimer closes, which would panic if both thought that they had stopped the timer.
func TestTimerThatTheLibraryStopsAsWell(t *testing.T) {
	for range 20_000 {
		timer := utils.SetTimeout(func() {}, time.Hour)
		var both sync.WaitGroup
		both.Go(func() { stopTimer(timer) })
		both.Go(timer.Stop)
		both.Wait()
	}
}
