//go:build unix

package listener

import (
	"math"

	"golang.org/x/sys/unix"
)

// maxDescriptors returns how many file descriptors this process may have open, 0 when that is not known.
// The Go runtime has raised the limit as far as it may.
func maxDescriptors() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), math.MaxInt32)) //nolint:gosec,unconvert // it fits; not an uint64 everywhere
}
