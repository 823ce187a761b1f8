// Package redisconn has what a part of a node needs to keep a connection to Redis: to come back to a Redis that was
// away, to notice one that hangs, and to say so without filling the disk.
package redisconn

import "context"

// Keep runs sessions over a connection, one after the other, until ctx ends. A session calls up as soon as the
// connection does what it is for, and returns why it does so no more. Then lost is called, once for each outage
// and not at every attempt.
func Keep(ctx context.Context, session func(up func()) error, lost func(err error)) {
	var pause Backoff
	reported := false
	up := func() {
		pause.Reset()
		reported = false
	}
	for ctx.Err() == nil {
		err := session(up)
		if ctx.Err() != nil {
			return
		}
		if !reported {
			reported = true
			lost(err)
		}
		pause.Wait(ctx)
	}
}
