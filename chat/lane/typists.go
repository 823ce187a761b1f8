package lane

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"chorus/chat/rule"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Bounds of typing.
const (
	TypingSpacing = 200 * time.Millisecond // between two signals of a client about a room, and two events about one
	maxNamed      = 5                      // users that an event names
	maxTypists    = 1000                   // sockets that a node remembers for a room
)

// TypingSignal is what nodes tell each other.
type TypingSignal struct {
	Talk   bool   `json:"t,omitempty"` // in the conversation with the user whose room the topic is
	Socket string `json:"s"`
	ID     string `json:"u"`
	Name   string `json:"n,omitempty"`
	On     bool   `json:"o"`
}

// typingLane is who types in a room, and, in the lane of a user, who types to that user.
type typingLane struct {
	typists map[string]*typing // by socket
	told    time.Time
	timer   *time.Timer // for the next event, or for the end of a silent typist; nil for neither
	dirty   bool
	named   int // users that the room was told of last
}

type typing struct {
	TypingSignal
	until time.Time
}

// signalled takes a signal of a node.
func (l *Lane) signalled(data []byte) {
	var s TypingSignal
	if json.Unmarshal(data, &s) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.typing == nil {
		if !s.On {
			return
		}
		l.typing = &typingLane{typists: make(map[string]*typing)}
	}
	t := l.typing
	_, known := t.typists[s.Socket]
	switch {
	case !s.On && !known, s.On && !known && len(t.typists) >= maxTypists:
		return
	case s.On:
		// The sender's node says when it ends. Should that node die, this one does.
		t.typists[s.Socket] = &typing{s, time.Now().Add(2 * l.all.opts.Typing)}
		if known {
			return // it was told
		}
	default:
		delete(t.typists, s.Socket)
	}
	t.dirty = true
	if s.Talk {
		l.tellTalk(s)
		t.dirty = false
	}
	l.settleTyping()
}

// settleTyping tells the sockets of this node who types, and ends silent typists; l.mu is held.
func (l *Lane) settleTyping() {
	t, now := l.typing, time.Now()
	next := time.Duration(-1)
	for id, one := range t.typists {
		if wait := one.until.Sub(now); wait <= 0 {
			delete(t.typists, id)
			if one.Talk {
				l.tellTalk(one.TypingSignal)
			} else {
				t.dirty = true
			}
		} else if next < 0 || wait < next {
			next = wait
		}
	}
	if t.dirty {
		if wait := TypingSpacing - now.Sub(t.told); wait > 0 {
			next = wait
		} else {
			t.told, t.dirty = now, false
			l.tellTyping()
		}
	}
	switch {
	case next < 0:
		t.stop()
	case t.timer == nil:
		t.timer = time.AfterFunc(next, func() { // ends with stop
			l.mu.Lock()
			defer l.mu.Unlock()
			if t.timer != nil {
				l.settleTyping()
			}
		})
	default:
		t.timer.Reset(next)
	}
}

func (t *typingLane) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
	t.timer = nil
}

// tellTyping tells the room the whole state; l.mu is held. A user who types alone is not told.
func (l *Lane) tellTyping() {
	users := make(map[string]rule.User)
	for _, one := range l.typing.typists {
		if !one.Talk {
			users[one.ID] = rule.User{ID: one.ID, Name: one.Name}
		}
	}
	named := make([]rule.User, 0, maxNamed)
	var alone []socket.Room
	for _, id := range slices.Sorted(maps.Keys(users)) {
		if len(named) == maxNamed {
			break
		}
		user := users[id]
		named = append(named, user)
		if len(users) == 1 {
			alone = append(alone, socket.Room(rule.UserRoom(user.ID)), socket.Room(user.ID)) // a user without a subject is a socket
		}
	}
	l.all.localLatest("typing "+l.Topic, l.Topic, alone, []any{rule.EventTyping, l.Topic, map[string]any{"users": named, "count": len(users)}})
	if len(alone) > 0 && l.typing.named > 1 { // that user was told of others before
		l.all.typingEnded(l.Topic, alone)
	}
	l.typing.named = len(users)
}

// typingEnded tells the sockets of a user in a room that nobody else types; rooms are those of the user.
func (c *Lanes) typingEnded(room string, rooms []socket.Room) {
	for _, s := range c.opts.Namespace.Adapter().Sockets(types.NewSet(rooms...)).Keys() {
		if in := c.opts.Namespace.Adapter().SocketRooms(s); in != nil && in.Has(socket.Room(room)) {
			c.localLatest("typing "+room, string(s), nil, []any{rule.EventTyping, room, map[string]any{"users": []rule.User{}, "count": 0}})
		}
	}
}

// tellTalk tells a user that another one types to them; l.mu is held.
func (l *Lane) tellTalk(s TypingSignal) {
	state := map[string]any{"users": []rule.User{}, "count": 0}
	for _, one := range l.typing.typists {
		if one.Talk && one.ID == s.ID {
			state = map[string]any{"users": []rule.User{{ID: s.ID, Name: s.Name}}, "count": 1}
		}
	}
	l.all.localLatest("typing "+rule.TalkSign+s.ID, l.Topic, nil, []any{rule.EventTyping, rule.TalkSign + s.ID, state})
}
