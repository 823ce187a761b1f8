package link

import (
	"sync/atomic"
	"time"
)

const (
	// maxTurn is about how long a handler may hold up the other connections of its poller.
	maxTurn = 5 * time.Millisecond
	// monitorRest is after how many looks at idle pollers the monitor sleeps.
	monitorRest = 20
)

// monitor hands over the turns of pollers whose handler takes longer than maxTurn. It looks at them only while there is
// something to read.
type monitor struct {
	active atomic.Bool
	wake   chan struct{} // capacity 1
}

// notice wakes the monitor. A turn calls it after it has become busy.
func (m *monitor) notice() {
	if !m.active.Load() && m.active.CompareAndSwap(false, true) {
		m.wake <- struct{}{} // the monitor has taken the last one before it became inactive
	}
}

// Monitor looks at the pollers until stop is closed. Start it before a poller watches a link.
func (g *Group) Monitor(pollers []*Poller, stop <-chan struct{}) {
	m := &g.monitor
	for {
		select {
		case <-m.wake:
			if !m.watch(pollers, stop) {
				return
			}
		case <-stop:
			return
		}
	}
}

// watch looks at the pollers until they have been idle for a while. It returns false when stop is closed.
func (m *monitor) watch(pollers []*Poller, stop <-chan struct{}) bool {
	ticker := time.NewTicker(maxTurn)
	defer ticker.Stop()
	for idle := 0; ; idle++ {
		select {
		case <-ticker.C:
		case <-stop:
			return false
		}
		if look(pollers) {
			idle = 0
		}
		if idle < monitorRest {
			continue
		}
		m.active.Store(false)
		if !look(pollers) || !m.active.CompareAndSwap(false, true) {
			return true
		}
		idle = 0
	}
}

// look looks at each poller and reports whether one is at work.
func look(pollers []*Poller) (busy bool) {
	for _, p := range pollers {
		busy = p.look() || busy
	}
	return busy
}
