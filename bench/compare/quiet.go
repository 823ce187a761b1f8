package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"chorus/bench"
)

// Bounds of a quiet machine.
const (
	mostOthers    = 0.05 // share of the machine's CPU time that other programs may use during a run
	quietTime     = time.Second
	quietPatience = 2 * time.Minute
	attempts      = 3                     // of a run that other programs disturb
	clockTick     = 10 * time.Millisecond // USER_HZ: 100 on every Linux
)

// errBusy is the failure of a run that other programs disturbed.
var errBusy = errors.New("the machine was busy")

// machineTime returns the CPU time of all programs since the machine started, and what its host gave to other machines
// instead (proc(5), /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal). Interrupts do not count: they
// carry the traffic on loopback.
func machineTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := bytes.Fields(line)
	const user, nice, system, steal = 1, 2, 3, 8
	if len(fields) <= steal {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var ticks int64
	for _, i := range []int{user, nice, system, steal} {
		n, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// others measures which share of the machine's CPU time programs use that do not belong to the benchmark.
type others struct {
	pids       []int // of the benchmark
	begin      time.Time
	whole, own time.Duration
}

func (l *lab) startOthers(c *cluster) (*others, error) {
	o := &others{pids: append([]int{os.Getpid(), l.redis.pid()}, c.pids...), begin: time.Now()}
	own, err := bench.UsageOf(o.pids)
	if err != nil {
		return nil, err
	}
	o.own = own.CPU
	o.whole, err = machineTime()
	return o, err
}

// share returns the share since the start, from 0 to 1.
func (o *others) share() (float64, error) {
	whole, err := machineTime()
	if err != nil {
		return 0, err
	}
	own, err := bench.UsageOf(o.pids)
	if err != nil {
		return 0, err
	}
	used := whole - o.whole - (own.CPU - o.own)
	return max(0, float64(used)/float64(time.Since(o.begin)*time.Duration(runtime.NumCPU()))), nil
}

// awaitQuiet waits until other programs leave the machine alone for a second. After two minutes it fails with errBusy.
func (l *lab) awaitQuiet(ctx context.Context) error {
	for end := time.Now().Add(quietPatience); ; {
		o, err := l.startOthers(&cluster{})
		if err != nil {
			return err
		}
		if err := sleep(ctx, quietTime); err != nil {
			return err
		}
		share, err := o.share()
		if err != nil || share <= mostOthers {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%w: other programs used %.0f %% of its CPU time", errBusy, 100*share)
		}
	}
}

// undisturbed runs one round on a quiet machine. It repeats a round that other programs disturbed, and fails with errBusy
// when the last attempt was disturbed too.
func (l *lab) undisturbed(ctx context.Context, run func() (*bench.Report, float64, error)) (*bench.Report, error) {
	for attempt := 1; ; attempt++ {
		if err := l.awaitQuiet(ctx); err != nil {
			return nil, err
		}
		report, share, err := run()
		if err != nil || share <= mostOthers {
			return report, err
		}
		if attempt == attempts {
			return nil, fmt.Errorf("%w in each of %d attempts: in the last, other programs used %.0f %% of its CPU time", errBusy, attempts, 100*share)
		}
	}
}
