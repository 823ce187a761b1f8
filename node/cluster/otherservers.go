package cluster

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	othersInterval = time.Second // between two looks
	othersMemory   = time.Minute // how long servers of others are remembered: one that restarts must not miss anything
)

// OtherServers knows whether servers that are no nodes, such as those of Node.js, share the Redis. Until it has looked it says yes.
type OtherServers struct {
	none atomic.Bool
}

// There reports whether there are such servers.
func (o *OtherServers) There() bool { return !o.none.Load() }

// Watch compares the number of servers with the number of nodes until ctx ends.
func (o *OtherServers) Watch(ctx context.Context, servers func() int64, nodes func() int) {
	ticker := time.NewTicker(othersInterval)
	defer ticker.Stop()
	last := time.Now() // others may start together with this node
	for {
		if n := servers(); n > int64(nodes()) {
			last = time.Now()
			o.none.Store(false)
		} else if n >= 0 && time.Since(last) > othersMemory {
			o.none.Store(true)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
