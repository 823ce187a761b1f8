// Package systemd tells systemd about the state of a node.
package systemd

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Notify tells systemd about the state of the service (sd_notify, Type=notify-reload). Without systemd it does
// nothing.
func Notify(state string) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	if name[0] == '@' {
		name = "\x00" + name[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return // systemd finds out by its own timeouts
	}
	defer conn.Close() //nolint:errcheck // a datagram was sent, or not
	_, _ = conn.Write([]byte(state))
}

// Reloading tells systemd that a reload has begun. It wants the time by its own clock.
func Reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err == nil {
		Notify(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/int64(time.Microsecond)))
	}
}

// FeedWatchdog tells systemd that the node lives, as often as WatchdogSec asks, until ctx ends.
func FeedWatchdog(ctx context.Context) {
	micros, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if pid := os.Getenv("WATCHDOG_PID"); err != nil || micros <= 0 || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return
	}
	ticker := time.NewTicker(time.Duration(micros) * time.Microsecond / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			Notify("WATCHDOG=1")
		}
	}
}
