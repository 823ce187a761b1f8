package lane

import (
	"sync"

	"chorus/chat/rule"
	"chorus/chat/store"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Lane is what this node knows of a room or conversation that one of its sockets is in. What the feed brings passes it
// in order, so that a socket gets either the page or the live message, and none of them twice.
type Lane struct {
	all   *Lanes
	Topic string
	refs  int // memberships and watchers; guarded by all.mu

	following sync.Mutex // held to ask the store
	followed  bool       // guarded by following

	mu    sync.Mutex
	epoch string // of the last record, as is pos
	pos   int64
	holds map[*socket.Socket]*hold // nil while there are none

	presence presenceLane
	quiet    bool        // the room was too large to announce who comes and goes; that was logged
	typing   *typingLane // nil until somebody types
	gathered *gathered   // nil until there is something to gather
}

// hold keeps what comes for a client from it while its page is read.
type hold struct {
	user     string // of the socket
	records  []*store.Record
	changes  []any // of presence
	watching bool  // it hears changes of presence already
	answered bool  // the page was sent
	until    int64 // and had the records up to this position; before, those of the page before
	full     bool  // more came than is held
}

// maxHeld bounds what waits for the page of one client.
const maxHeld = 10_000

// Begin holds back what comes for a client.
func (l *Lane) Begin(s *socket.Socket, user string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
	h := &hold{user: user, watching: s.Rooms().Has(WatchRoom(l.Topic))}
	if before := l.holds[s]; before != nil {
		h.until = before.until
	}
	if l.holds == nil {
		l.holds = make(map[*socket.Socket]*hold)
	}
	l.holds[s] = h
}

// Answer answers the request of a client that is held and lets it hear what came meanwhile and was not in the page,
// which ended at a position. watch has it hear the changes of presence from now on. reply gets to know whether more came
// than is held.
func (l *Lane) Answer(s *socket.Socket, pos int64, watch bool, reply func(full bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
	h := l.holds[s]
	reply(h != nil && h.full)
	if watch {
		s.Join(WatchRoom(l.Topic))
	}
	if h == nil {
		return
	}
	pos = max(pos, h.until)
	for _, r := range h.records {
		if r.Pos > pos {
			l.all.castTo(s, h.user, r)
		}
	}
	if watch || h.watching {
		for _, change := range h.changes {
			l.all.LocalTo(s, rule.EventPresence, l.Topic, change)
		}
	}
	if l.pos >= pos {
		delete(l.holds, s) // it hears what everybody hears
		return
	}
	h.records, h.changes, h.answered, h.until = nil, nil, true, pos
}

// Cancel ends a hold without a page: the client hears what came meanwhile.
func (l *Lane) Cancel(s *socket.Socket) { l.Answer(s, 0, false, func(bool) {}) }

// Forget ends the hold of a client that leaves.
func (l *Lane) Forget(s *socket.Socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.holds, s)
}

// logged passes a record on to the sockets of this node.
func (l *Lane) logged(r *store.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch == r.Epoch && (r.Pos < l.pos || r.Pos == l.pos && r.Kind != store.KindPurge) {
		return // it was here; a purge of several messages has one position
	}
	l.epoch, l.pos = r.Epoch, r.Pos
	settled := false
	for s, h := range l.holds {
		switch {
		case h.answered && r.Pos > h.until:
			if !settled {
				l.settle()
				settled = true
			}
			delete(l.holds, s)
		case r.Pos <= h.until: // it was in a page
		case len(h.records) < maxHeld:
			h.records = append(h.records, r)
		default:
			h.full = true
		}
	}
	l.pass(r)
	l.all.opts.Delivered(r)
}
