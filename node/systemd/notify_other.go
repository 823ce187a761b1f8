//go:build !linux

package systemd

import (
	"context"
	"net"
)

// Notify does nothing: there is no systemd here.
func Notify(string) {}

// Reloading does nothing.
func Reloading() {}

// Socket returns nil.
func Socket() (net.Listener, error) { return nil, nil }

// FeedWatchdog does nothing.
func FeedWatchdog(context.Context) {}
