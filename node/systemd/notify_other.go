//go:build !linux

package systemd

import "context"

// Notify does nothing: there is no systemd here.
func Notify(string) {}

// Reloading does nothing.
func Reloading() {}

// FeedWatchdog does nothing.
func FeedWatchdog(context.Context) {}
