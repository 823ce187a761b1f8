//go:build !linux

package node

import "context"

// There is no systemd here.
func notifySystemd(string) {}

func notifyReloading() {}

func feedWatchdog(context.Context) {}
