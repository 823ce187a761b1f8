package chat

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"chorus/codec"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Bounds of typing.
const (
	typingSpacing = 200 * time.Millisecond // between two signals of a client about a room, and two events about one
	maxNamed      = 5                      // users that an event names
	maxTypists    = 1000                   // sockets that a node remembers for a room
	maxTypingIn   = 16                     // rooms in which a client types at a time
)

// typing notes that the client types in a room, or has stopped.
func (c *Chat) typing(ca *call) error {
	p, err := ca.place(eventTyping)
	if err != nil {
		return err
	}
	on, err := codec.Arg[bool](eventTyping, ca.args, 1)
	if err != nil {
		return badRequest("typing: the second argument is not true or false")
	}
	if err := ca.maySpeak(p); err != nil {
		return err
	}
	if err := ca.setTyping(p, on); err != nil {
		return err
	}
	ca.ok(nil)
	return nil
}

// typist is a client that types in a room. It lasts until the last signal about it was sent.
type typist struct {
	client *client
	place  place
	on     bool      // what the client said last
	until  time.Time // when that ends by itself
	told   bool      // what the cluster was told last
	sent   time.Time // when
	timer  *time.Timer
}

// setTyping notes what the client says about itself.
func (cl *client) setTyping(p place, on bool) error {
	now := time.Now()
	cl.mu.Lock()
	defer cl.mu.Unlock()
	t := cl.typing[p.name]
	switch {
	case t == nil && !on || cl.gone:
		return nil
	case t == nil && len(cl.typing) >= maxTypingIn:
		return &Error{Code: CodeLimitReached, Message: "a client may type in few rooms at a time", Details: map[string]any{"limit": maxTypingIn}}
	case t == nil:
		t = &typist{client: cl, place: p}
		if cl.typing == nil {
			cl.typing = make(map[string]*typist)
		}
		cl.typing[p.name] = t
	}
	t.on, t.until = on, now.Add(cl.chat.opts.Typing)
	t.settle(now)
	return nil
}

// settle tells the cluster what it does not know, no sooner than typingSpacing after the last time, and again from time
// to time while it lasts; cl.mu is held.
func (t *typist) settle(now time.Time) {
	if t.on && !now.Before(t.until) {
		t.on = false
	}
	lifetime := t.client.chat.opts.Typing
	due := t.told != t.on || t.on && now.Sub(t.sent) >= lifetime
	if due && now.Sub(t.sent) >= typingSpacing {
		t.told, t.sent, due = t.on, now, false
		t.client.chat.signalTyping(t)
	}
	var wait time.Duration
	switch {
	case due:
		wait = typingSpacing - now.Sub(t.sent)
	case t.on:
		wait = min(t.until.Sub(now), lifetime-now.Sub(t.sent))
	default:
		t.end()
		return
	}
	if t.timer == nil {
		t.timer = time.AfterFunc(max(wait, time.Millisecond), t.wake) // ends with end
	} else {
		t.timer.Reset(max(wait, time.Millisecond))
	}
}

func (t *typist) wake() {
	t.client.mu.Lock()
	defer t.client.mu.Unlock()
	if t.client.typing[t.place.name] == t {
		t.settle(time.Now())
	}
}

// end forgets a typist about whom there is nothing more to tell; cl.mu is held.
func (t *typist) end() {
	delete(t.client.typing, t.place.name)
	if t.timer != nil {
		t.timer.Stop()
	}
}

// stopTyping ends what the client types in a room, or everywhere with ""; cl.mu is held.
func (cl *client) stopTyping(room string) {
	for name, t := range cl.typing {
		if room != "" && name != room {
			continue
		}
		if t.told {
			t.on = false
			cl.chat.signalTyping(t)
		}
		t.end()
	}
}

// typingSignal is what nodes tell each other.
type typingSignal struct {
	Talk   bool   `json:"t,omitempty"` // in the conversation with the user whose room the topic is
	Socket string `json:"s"`
	ID     string `json:"u"`
	Name   string `json:"n,omitempty"`
	On     bool   `json:"o"`
}

// signalTyping tells the nodes that follow the place. A user of a conversation hears of the other one.
func (c *Chat) signalTyping(t *typist) {
	s := typingSignal{Talk: t.place.peer != "", Socket: string(t.client.socket.Id()), ID: t.client.presenceID(), Name: t.client.user().Name, On: t.on}
	data, _ := json.Marshal(s) // it cannot fail: there are texts
	topic := t.place.log
	if s.Talk {
		topic = userRoom(t.place.peer)
	}
	c.store.Signal(topic, data)
}

// typingLane is who types in a room, and, in the lane of a user, who types to that user.
type typingLane struct {
	typists map[string]*typing // by socket
	told    time.Time
	timer   *time.Timer // to tell, or to end who is not heard of any more; nil for neither
	dirty   bool
	named   int // users that the room was told of last
}

type typing struct {
	typingSignal
	until time.Time
}

// signalled takes a signal of a node.
func (l *lane) signalled(data []byte) {
	var s typingSignal
	if json.Unmarshal(data, &s) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &l.typing
	_, known := t.typists[s.Socket]
	switch {
	case !s.On && !known, s.On && !known && len(t.typists) >= maxTypists:
		return
	case s.On:
		if t.typists == nil {
			t.typists = make(map[string]*typing)
		}
		// The sender's node says when it ends. Should that node die, this one does.
		t.typists[s.Socket] = &typing{s, time.Now().Add(2 * l.chat.opts.Typing)}
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

// settleTyping tells the sockets of this node who types, and looks for those who are not heard of any more; l.mu is held.
func (l *lane) settleTyping() {
	t, now := &l.typing, time.Now()
	next := time.Duration(-1)
	for id, one := range t.typists {
		if wait := one.until.Sub(now); wait <= 0 {
			delete(t.typists, id)
			if one.Talk {
				l.tellTalk(one.typingSignal)
			} else {
				t.dirty = true
			}
		} else if next < 0 || wait < next {
			next = wait
		}
	}
	if t.dirty {
		if wait := typingSpacing - now.Sub(t.told); wait > 0 {
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
			if l.typing.timer != nil {
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
func (l *lane) tellTyping() {
	users := make(map[string]User)
	for _, one := range l.typing.typists {
		if !one.Talk {
			users[one.ID] = User{one.ID, one.Name}
		}
	}
	named := make([]User, 0, maxNamed)
	var alone []socket.Room
	for _, id := range slices.Sorted(maps.Keys(users)) {
		if len(named) == maxNamed {
			break
		}
		user := users[id]
		named = append(named, user)
		if len(users) == 1 {
			alone = append(alone, socket.Room(userRoom(user.ID)), socket.Room(user.ID)) // a user without a subject is a socket
		}
	}
	l.chat.localLatest("typing "+l.topic, l.topic, alone, []any{eventTyping, l.topic, map[string]any{"users": named, "count": len(users)}})
	if len(alone) > 0 && l.typing.named > 1 { // that user was told of others before
		l.chat.typingEnded(l.topic, alone)
	}
	l.typing.named = len(users)
}

// typingEnded tells the sockets of a user in a room that nobody else types; rooms are those of the user.
func (c *Chat) typingEnded(room string, rooms []socket.Room) {
	for _, s := range c.nsp.Adapter().Sockets(types.NewSet(rooms...)).Keys() {
		if in := c.nsp.Adapter().SocketRooms(s); in != nil && in.Has(socket.Room(room)) {
			c.localLatest("typing "+room, string(s), nil, []any{eventTyping, room, map[string]any{"users": []User{}, "count": 0}})
		}
	}
}

// tellTalk tells a user that another one types to them; l.mu is held.
func (l *lane) tellTalk(s typingSignal) {
	state := map[string]any{"users": []User{}, "count": 0}
	for _, one := range l.typing.typists {
		if one.Talk && one.ID == s.ID {
			state = map[string]any{"users": []User{{s.ID, s.Name}}, "count": 1}
		}
	}
	l.chat.localLatest("typing "+talkSign+s.ID, l.topic, nil, []any{eventTyping, talkSign + s.ID, state})
}
