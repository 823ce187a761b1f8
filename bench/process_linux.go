package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// processTime returns the CPU time that a process has used, system and user. A process' clock is
// exact, where /proc/PID/stat counts hundredths of seconds.
func processTime(pid int) (time.Duration, error) {
	const cpuClockSched = 2 // linux/posix-timers.h: the clock of process PID is ~PID<<3 | 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|cpuClockSched), &t); err != nil { //nolint:gosec // a pid has 22 bits
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// processMemory returns the resident bytes of a process, which smaps_rollup counts exactly.
func processMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, fmt.Errorf("memory of process %d: %w", pid, err)
	}
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 2 || string(fields[0]) != "Rss:" {
			continue
		}
		kilobytes, err := strconv.ParseInt(string(fields[1]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("memory of process %d: %w", pid, err)
		}
		return kilobytes << 10, nil
	}
	return 0, fmt.Errorf("memory of process %d: the kernel does not tell", pid)
}
