//go:build unix

package bench

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// spareFiles is what a program has open besides its connections.
const spareFiles = 64

// checkFiles tells whether so many connections may be open. The runtime has already raised the
// soft limit to the hard one.
func checkFiles(connections int) error {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return nil
	}
	if uint64(connections)+spareFiles > limit.Cur { //nolint:gosec // not negative
		return fmt.Errorf("%w: Connections: %d need more open files than the limit of %d: raise it with ulimit -n", ErrOptions, connections, limit.Cur)
	}
	return nil
}
