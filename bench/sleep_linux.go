package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleep waits for a time at a precision that the runtime's timers do not have: an idle runtime
// rounds what is left up to a millisecond, which is about what a fast server takes.
func sleep(d time.Duration) {
	if d > 0 {
		left := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&left, nil) // woken early, the caller looks at the clock and sleeps again
	}
}
