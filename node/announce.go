package node

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Events that tell clients whether their node hears the others, when cluster.announce is on.
const (
	eventDegraded = "cluster:degraded"
	eventRestored = "cluster:restored"
)

// What is over in a moment is not worth a word to everybody, and what is only just back may go again.
const (
	announceInterval = 250 * time.Millisecond
	degradedAfter    = 2 * time.Second
	restoredAfter    = time.Second
)

// announcer tells the clients of this node when it no longer hears the others, and when it does again.
type announcer struct {
	health func() error

	mu         sync.Mutex
	namespaces []socket.Namespace
	event      string // that everybody was told last; empty before the first
	notice     map[string]any
}

// add has the clients of a namespace told, those that come while the node is cut off as soon as they come.
func (a *announcer) add(nsp socket.Namespace) {
	a.mu.Lock()
	a.namespaces = append(a.namespaces, nsp)
	a.mu.Unlock()
	_ = nsp.On("connection", func(args ...any) { // it fails for reserved names only
		s := args[0].(*socket.Socket) //nolint:errcheck,forcetypeassert // the library's contract for this event
		told := ""
		for { // it may change meanwhile, and who was told late must not keep what is over
			event, notice := a.last()
			if event == told || told == "" && event != eventDegraded {
				return
			}
			_ = nsp.Local().To(socket.Room(s.Id())).Emit(event, notice)
			told = event
		}
	})
}

// last returns what everybody was told last.
func (a *announcer) last() (event string, notice map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.event, a.notice
}

func degradedNotice() map[string]any {
	return map[string]any{"code": CodeClusterUnavailable, "message": "this server does not hear the others: its own clients alone are reached"}
}

// run watches until ctx ends.
func (a *announcer) run(ctx context.Context) {
	ticker := time.NewTicker(announceInterval)
	defer ticker.Stop()
	since := time.Now() // when health was last other than now
	lost := since       // when it was lost
	healthy := true
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if is := a.health() == nil; is != healthy {
				if healthy = is; !is && !a.isDegraded() {
					lost = now
				}
				since = now
			}
			switch degraded := a.isDegraded(); {
			case !healthy && !degraded && now.Sub(since) >= degradedAfter:
				a.tell(eventDegraded, degradedNotice())
			case healthy && degraded && now.Sub(since) >= restoredAfter:
				a.tell(eventRestored, map[string]any{"seconds": math.Round(since.Sub(lost).Seconds())})
			}
		}
	}
}

func (a *announcer) isDegraded() bool {
	event, _ := a.last()
	return event == eventDegraded
}

func (a *announcer) tell(event string, notice map[string]any) {
	a.mu.Lock()
	a.event, a.notice = event, notice
	namespaces := a.namespaces[:len(a.namespaces):len(a.namespaces)]
	a.mu.Unlock()
	for _, nsp := range namespaces {
		_ = nsp.Local().Emit(event, notice) // it fails for reserved names only
	}
}
