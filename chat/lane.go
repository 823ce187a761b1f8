package chat

import (
	"chorus/chat/store"
	"context"
	"sync"
	"time"
)

// lane is what this node knows of a room or conversation that one of its sockets is in. What the feed brings passes it
// in order, so that a socket gets either the page or the live message, and none of them twice.
type lane struct {
	chat  *Chat
	topic string
	refs  int // memberships and watchers; guarded by chat.mu

	following sync.Mutex // held to ask the store
	followed  bool       // guarded by following

	mu    sync.Mutex
	epoch string // of the last record, as is pos
	pos   int64
	holds map[*client]*hold

	presence presenceLane
	quiet    bool // the room was too large to announce who comes and goes; that was logged
	typing   typingLane
	gathered gathered
}

// hold keeps what comes for a client from it while its page is read.
type hold struct {
	records  []*store.Record
	changes  []any // of presence
	watching bool  // it hears changes of presence already
	answered bool  // the page was sent
	until    int64 // and had the records up to this position; before, those of the page before
	full     bool  // more came than is held
}

// maxHeld bounds what waits for the page of one client.
const maxHeld = 10_000

// acquire returns the lane of a topic and follows it. With an error the topic is not followed yet: the node tries again
// by itself. In any case release must follow.
func (c *Chat) acquire(ctx context.Context, topic string) (*lane, error) {
	c.mu.Lock()
	l := c.lanes[topic]
	if l == nil {
		l = &lane{chat: c, topic: topic, holds: make(map[*client]*hold)}
		l.presence.epoch = newID()
		c.lanes[topic] = l
	}
	l.refs++
	c.mu.Unlock()
	return l, l.follow(ctx)
}

func (l *lane) follow(ctx context.Context) error {
	l.following.Lock()
	defer l.following.Unlock()
	if l.followed {
		return nil
	}
	err := l.chat.store.Follow(ctx, l.topic)
	l.followed = err == nil
	return err
}

// release gives a lane back.
func (c *Chat) release(l *lane) {
	c.mu.Lock()
	l.refs--
	last := l.refs == 0
	if last {
		delete(c.lanes, l.topic)
	}
	c.mu.Unlock()
	if !last {
		return
	}
	l.stop()
	l.following.Lock()
	defer l.following.Unlock()
	if l.followed {
		l.followed = false
		c.store.Unfollow(l.topic)
	}
}

// stop ends the timers of a lane.
func (l *lane) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.presence.stop()
	l.gathered.stop()
	l.typing.stop()
}

// lane returns the lane of a topic, nil when no socket of this node is there.
func (c *Chat) lane(topic string) *lane {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lanes[topic]
}

// Rooms returns how many rooms and conversations the clients of this node are in.
func (c *Chat) Rooms() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lanes)
}

// retryInterval is the time between two attempts to follow a topic that could not be followed.
const retryInterval = time.Second

// followAll follows what could not be followed, until ctx ends.
func (c *Chat) followAll(ctx context.Context) {
	ticker := time.NewTicker(retryInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, l := range c.allLanes() {
			if err := l.follow(ctx); err != nil {
				break // the others fail as well
			}
			c.dropIfUnused(l)
		}
	}
}

func (c *Chat) allLanes() []*lane {
	c.mu.Lock()
	defer c.mu.Unlock()
	lanes := make([]*lane, 0, len(c.lanes))
	for _, l := range c.lanes {
		lanes = append(lanes, l)
	}
	return lanes
}

// dropIfUnused unfollows a lane that was released while it was being followed again.
func (c *Chat) dropIfUnused(l *lane) {
	c.mu.Lock()
	unused := l.refs == 0
	c.mu.Unlock()
	if !unused {
		return
	}
	l.following.Lock()
	defer l.following.Unlock()
	if l.followed {
		l.followed = false
		c.store.Unfollow(l.topic)
	}
}

// begin holds back what comes for a client.
func (l *lane) begin(cl *client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
	h := &hold{watching: cl.socket.Rooms().Has(watchRoom(l.topic))}
	if before := l.holds[cl]; before != nil {
		h.until = before.until
	}
	l.holds[cl] = h
}

// answer answers the request of a client that is held and lets it hear what came meanwhile and was not in the page,
// which ended at a position. watch has it hear the changes of presence from now on. reply gets to know whether more came
// than is held.
func (l *lane) answer(cl *client, pos int64, watch bool, reply func(full bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
	h := l.holds[cl]
	reply(h != nil && h.full)
	if watch {
		cl.socket.Join(watchRoom(l.topic))
	}
	if h == nil {
		return
	}
	pos = max(pos, h.until)
	for _, r := range h.records {
		if r.Pos > pos {
			l.chat.castTo(cl, r)
		}
	}
	if watch || h.watching {
		for _, change := range h.changes {
			l.chat.localTo(cl.socket, eventPresence, l.topic, change)
		}
	}
	if l.pos >= pos {
		delete(l.holds, cl) // it hears what everybody hears
		return
	}
	h.records, h.changes, h.answered, h.until = nil, nil, true, pos
}

// cancel ends a hold without a page: the client hears what came meanwhile.
func (l *lane) cancel(cl *client) { l.answer(cl, 0, false, func(bool) {}) }

// forget ends the hold of a client that leaves.
func (l *lane) forget(cl *client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.holds, cl)
}

// logged passes a record on to the sockets of this node.
func (l *lane) logged(r *store.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch == r.Epoch && (r.Pos < l.pos || r.Pos == l.pos && r.Kind != store.KindPurge) {
		return // it was here; a purge of several messages has one position
	}
	l.epoch, l.pos = r.Epoch, r.Pos
	settled := false
	for cl, h := range l.holds {
		switch {
		case h.answered && r.Pos > h.until:
			if !settled {
				l.settle()
				settled = true
			}
			delete(l.holds, cl)
		case r.Pos <= h.until: // it was in a page
		case len(h.records) < maxHeld:
			h.records = append(h.records, r)
		default:
			h.full = true
		}
	}
	l.pass(r)
	l.chat.delivered(r)
}
