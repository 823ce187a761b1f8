package bench

import (
	"fmt"
	"os"
	"time"
)

// Usage is what processes have used up to a moment.
type Usage struct {
	CPU time.Duration
	RSS int64 // resident bytes
}

// UsageOf sums the usage of processes.
func UsageOf(pids []int) (Usage, error) {
	var sum Usage
	for _, pid := range pids {
		cpu, err := processTime(pid)
		if err != nil {
			return sum, fmt.Errorf("%w: PIDs: %w", ErrOptions, err)
		}
		rss, err := processMemory(pid)
		if err != nil {
			return sum, fmt.Errorf("%w: PIDs: %w", ErrOptions, err)
		}
		sum.CPU += cpu
		sum.RSS += rss
	}
	return sum, nil
}

// ownTime is the CPU time of this process; 0 where that cannot be told.
func ownTime() time.Duration {
	used, _ := processTime(os.Getpid())
	return used
}
