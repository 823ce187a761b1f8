package chat

import (
	"context"
	"math"
	"sync"
	"time"

	"chorus/chat/rule"

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

// Announcer tells the clients of this node when the node no longer hears the other nodes, and when it does again.
type Announcer struct {
	health func() error

	mu         sync.Mutex
	namespaces []socket.Namespace
	event      string // that everybody was told last; empty before the first
	notice     map[string]any
}

// Add has the clients of a namespace told, those that come while the node is cut off as soon as they come.
func (a *Announcer) Add(nsp socket.Namespace) {
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

// NewAnnouncer returns an announcer; health returns nil while the node hears the others.
func NewAnnouncer(health func() error) *Announcer { return &Announcer{health: health} }

// last returns what everybody was told last.
func (a *Announcer) last() (event string, notice map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.event, a.notice
}

func degradedNotice() map[string]any {
	return map[string]any{"code": rule.CodeClusterUnavailable, "message": "this server does not hear the others: its own clients alone are reached"}
}

// Run watches until ctx ends.
func (a *Announcer) Run(ctx context.Context) {
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

func (a *Announcer) isDegraded() bool {
	event, _ := a.last()
	return event == eventDegraded
}

func (a *Announcer) tell(event string, notice map[string]any) {
	a.mu.Lock()
	a.event, a.notice = event, notice
	namespaces := a.namespaces[:len(a.namespaces):len(a.namespaces)]
	a.mu.Unlock()
	for _, nsp := range namespaces {
		_ = nsp.Local().Emit(event, notice) // it fails for reserved names only
	}
}
