package lane

import (
	"time"

	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/chat/view"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// presenceLane tells the watchers of a room on this node who comes and goes. Its numbers count what these watchers
// hear; the epoch is another one on each node.
type presenceLane struct {
	epoch   string // empty until it is asked for
	seq     int64
	awaited map[string][]chan struct{} // of users whose arrival a client waits for
	pending *store.PresenceChange      // what waits for the timer
	timer   *time.Timer                // nil while nothing waits
	last    time.Time                  // when the watchers were told last
}

// presenceInterval is the time between two events about a large room.
const presenceInterval = time.Second

// WatchRoom is the room of the sockets that hear the changes of presence in a room. No client can name it.
func WatchRoom(room string) socket.Room { return socket.Room("\x00presence:" + room) }

// PresenceNow returns the epoch and the number of the last event. A client that is held gets the later ones only.
func (l *Lane) PresenceNow(s *socket.Socket) (epoch string, seq int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.holds[s]; h != nil && !h.watching {
		h.changes = nil
	}
	return l.presence.name(), l.presence.seq
}

// name returns the epoch.
func (p *presenceLane) name() string {
	if p.epoch == "" {
		p.epoch = rule.NewID()
	}
	return p.epoch
}

// Expect returns what is closed as soon as the feed brings a change of a user.
func (l *Lane) Expect(user string) chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.presence.awaited == nil {
		l.presence.awaited = make(map[string][]chan struct{})
	}
	seen := make(chan struct{})
	l.presence.awaited[user] = append(l.presence.awaited[user], seen)
	return seen
}

// arrivalPatience bounds how long an answer waits for the feed to bring the client's own arrival.
const arrivalPatience = 500 * time.Millisecond

// Await waits for what expect returned, so that a client is not told of its own arrival.
func (l *Lane) Await(user string, seen chan struct{}) {
	timer := time.NewTimer(arrivalPatience)
	defer timer.Stop()
	select {
	case <-seen:
	case <-timer.C:
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.presence.awaited, user)
	}
}

// seen wakes those who wait for the users of a change; l.mu is held.
func (p *presenceLane) seen(change *store.PresenceChange) {
	if len(p.awaited) == 0 {
		return
	}
	for _, users := range [][]store.Present{change.Joined, change.Changed} {
		for _, user := range users {
			for _, waiting := range p.awaited[user.User] {
				close(waiting)
			}
			delete(p.awaited, user.User)
		}
	}
}

// present takes a change of the users of the room.
func (l *Lane) present(change *store.PresenceChange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.presence
	opts := &l.all.opts.Presence
	defer p.seen(change)
	l.announce(change)
	switch {
	case change.Reset: // something was missed: a new epoch has clients ask for the list
		p.epoch, p.seq, p.pending = rule.NewID(), 0, nil
		l.tell(&store.PresenceChange{Count: change.Count}, false)
	case change.Count <= opts.BatchAbove && p.timer == nil:
		l.tell(change, false)
	default:
		p.pending = merge(p.pending, change)
		if p.timer == nil {
			wait := max(0, presenceInterval-time.Since(p.last))
			p.timer = time.AfterFunc(wait, l.flush) // stop or flush ends it
		}
	}
}

// flush tells what has gathered.
func (l *Lane) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.presence
	change := p.pending
	p.timer, p.pending = nil, nil
	if change != nil {
		l.tell(change, change.Count > l.all.opts.Presence.CountsAbove)
	}
}

func (p *presenceLane) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer, p.pending = nil, nil
}

// tell sends a change to the watchers of this node; l.mu is held.
func (l *Lane) tell(change *store.PresenceChange, countOnly bool) {
	p := &l.presence
	p.seq++
	p.last = time.Now()
	if len(l.holds) == 0 && !l.all.opts.Publisher.Has(WatchRoom(l.Topic)) {
		return // nobody hears it, as of most users in their own rooms
	}
	told := map[string]any{"epoch": p.name(), "seq": p.seq, "count": change.Count}
	if !countOnly {
		left := change.Left
		if left == nil {
			left = []string{}
		}
		told["joined"], told["left"], told["changed"] = view.Users(change.Joined), left, view.Users(change.Changed)
	}
	held := make([]socket.Room, 0, len(l.holds))
	for s, h := range l.holds {
		if h.answered {
			continue
		}
		h.changes = append(h.changes, told)
		held = append(held, socket.Room(s.Id()))
	}
	l.all.local([]string{string(WatchRoom(l.Topic))}, held, []any{rule.EventPresence, l.Topic, told})
}

// merge adds a change to what has gathered. Who came and went again, or went and came, is in it once.
func merge(into, change *store.PresenceChange) *store.PresenceChange {
	if into == nil {
		into = &store.PresenceChange{}
	}
	into.Count = change.Count
	for _, user := range change.Joined {
		into.Left = without(into.Left, func(id string) bool { return id == user.User })
		into.Joined = append(without(into.Joined, sameUser(user)), user)
	}
	for _, id := range change.Left {
		gone := store.Present{User: id}
		into.Joined = without(into.Joined, sameUser(gone))
		into.Changed = without(into.Changed, sameUser(gone))
		into.Left = append(without(into.Left, func(other string) bool { return other == id }), id)
	}
	for _, user := range change.Changed {
		if had := len(into.Joined); had > 0 {
			if into.Joined = without(into.Joined, sameUser(user)); len(into.Joined) < had {
				into.Joined = append(into.Joined, user)
				continue
			}
		}
		into.Changed = append(without(into.Changed, sameUser(user)), user)
	}
	return into
}

func sameUser(user store.Present) func(store.Present) bool {
	return func(other store.Present) bool { return other.User == user.User }
}

func without[T any](list []T, drop func(T) bool) []T {
	for i, item := range list {
		if drop(item) {
			return append(list[:i], list[i+1:]...)
		}
	}
	return list
}
