package chat

import (
	"encoding/json"
	"fmt"
	"time"

	"chorus/auth/permission"
	"chorus/auth/refusal"
	"chorus/chat/store"
	"chorus/codec"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// presenceLane tells the watchers of a room on this node who comes and goes. Its numbers count what these watchers
// hear; the epoch is another one on each node.
type presenceLane struct {
	epoch   string
	seq     int64
	awaited map[string][]chan struct{} // of users whose arrival a client waits for
	pending *store.PresenceChange      // what waits for the timer
	timer   *time.Timer                // nil while nothing waits
	last    time.Time                  // when the watchers were told last
}

// presenceInterval is the time between two events about a large room.
const presenceInterval = time.Second

// maxListed is how many users a page of presence has at most, and defaultListed without a limit.
const (
	maxListed     = 1000
	defaultListed = 100
)

// watchRoom is the room of the sockets that hear the changes of presence in a room. No client can name it.
func watchRoom(room string) socket.Room { return socket.Room("\x00presence:" + room) }

// user is how clients see a user in a room.
type presentUser struct {
	ID      string          `json:"id"`
	Name    string          `json:"name,omitempty"`
	Since   int64           `json:"since"`
	Devices int             `json:"devices"`
	Data    json.RawMessage `json:"data,omitempty"`
}

func usersOf(list []store.Present) []presentUser {
	users := make([]presentUser, len(list))
	for i, p := range list {
		users[i] = presentUser{ID: p.User, Name: p.Name, Since: p.Since, Devices: p.Devices, Data: p.Data}
	}
	return users
}

// presenceOptions are the last argument of "presence".
type presenceOptions struct {
	Cursor string `json:"cursor"`
	Limit  *int   `json:"limit"`
	Watch  *bool  `json:"watch"`
}

// presence lists who is in a room.
func (c *Chat) listPresence(ca *call) error {
	p, err := ca.place(eventPresence)
	if err != nil {
		return err
	}
	opts, err := option[presenceOptions](ca, eventPresence, 1)
	if err != nil {
		return err
	}
	limit := defaultListed
	if opts.Limit != nil {
		limit = *opts.Limit
	}
	switch {
	case limit < 1 || limit > maxListed:
		return badRequest(fmt.Sprintf("presence: limit is not between 1 and %d", maxListed))
	case p.peer != "" || p.policy.NoPresence:
		return &Error{Code: refusal.CodeForbidden, Message: "nobody is told who is here", Details: map[string]any{"action": string(permission.Presence), "room": p.name}}
	}
	if err := ca.allow(permission.Presence, p); err != nil {
		return err
	}
	ctx, cancel := ca.chat.context()
	defer cancel()
	l, err := c.acquire(ctx, p.log)
	defer c.release(l)
	if err != nil {
		return err
	}
	if err := ca.notBanned(ctx, p); err != nil {
		return err
	}
	switch {
	case opts.Watch == nil:
	case *opts.Watch && !ca.watch(l):
		return &Error{Code: CodeLimitReached, Message: "a client may watch so many rooms at most", Details: map[string]any{"limit": c.opts.MaxRooms}}
	case *opts.Watch:
	default:
		ca.unwatch(l.topic)
	}
	l.begin(ca.client)
	epoch, seq := l.presenceNow(ca.client)
	page, err := c.store.List(ctx, p.log, opts.Cursor, limit)
	if err != nil {
		l.cancel(ca.client)
		return err
	}
	answer := listOf(page)
	answer["room"], answer["epoch"], answer["seq"], answer["count"] = p.name, epoch, seq, page.Count
	watch := opts.Watch != nil && *opts.Watch
	l.answer(ca.client, 0, watch, func(bool) { ca.ok(answer) })
	return nil
}

// listOf returns what clients get of a page.
func listOf(page store.PresencePage) map[string]any {
	list := map[string]any{"users": usersOf(page.Users)}
	if page.Next != "" {
		list["next"] = page.Next
	}
	return list
}

// presenceNow returns the epoch and the number of the last event. A client that is held gets the later ones only.
func (l *lane) presenceNow(cl *client) (epoch string, seq int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.holds[cl]; h != nil && !h.watching {
		h.changes = nil
	}
	return l.presence.epoch, l.presence.seq
}

// expect returns what is closed as soon as the feed brings a change of a user.
func (l *lane) expect(user string) chan struct{} {
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

// await waits for what expect returned, so that a client is not told of its own arrival.
func (l *lane) await(user string, seen chan struct{}) {
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
func (l *lane) present(change *store.PresenceChange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.presence
	opts := &l.chat.opts.Presence
	defer p.seen(change)
	l.announce(change)
	switch {
	case change.Reset: // something was missed: a new epoch has clients ask for the list
		p.epoch, p.seq, p.pending = newID(), 0, nil
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
func (l *lane) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.presence
	change := p.pending
	p.timer, p.pending = nil, nil
	if change != nil {
		l.tell(change, change.Count > l.chat.opts.Presence.CountsAbove)
	}
}

func (p *presenceLane) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer, p.pending = nil, nil
}

// tell sends a change to the watchers of this node; l.mu is held.
func (l *lane) tell(change *store.PresenceChange, countOnly bool) {
	p := &l.presence
	p.seq++
	p.last = time.Now()
	told := map[string]any{"epoch": p.epoch, "seq": p.seq, "count": change.Count}
	if !countOnly {
		left := change.Left
		if left == nil {
			left = []string{}
		}
		told["joined"], told["left"], told["changed"] = usersOf(change.Joined), left, usersOf(change.Changed)
	}
	held := make([]socket.Room, 0, len(l.holds))
	for cl, h := range l.holds {
		if h.answered {
			continue
		}
		h.changes = append(h.changes, told)
		held = append(held, socket.Room(cl.socket.Id()))
	}
	l.chat.local([]string{string(watchRoom(l.topic))}, held, []any{eventPresence, l.topic, told})
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

// setStatus sets what others see of the user besides the name.
func (c *Chat) setStatus(ca *call) error {
	data, err := codec.Arg[json.RawMessage](eventStatus, ca.args, 0)
	switch {
	case err != nil:
		return badRequest("status: the data, the first argument, is not JSON")
	case len(data) > c.opts.Presence.MaxData:
		return &Error{Code: CodeTooLarge, Message: fmt.Sprintf("status: the data has more than %d bytes", c.opts.Presence.MaxData), Details: map[string]any{"limit": c.opts.Presence.MaxData}}
	}
	if string(data) == "null" {
		data = nil
	}
	room := ""
	if len(ca.args) > 1 {
		p, err := (&call{client: ca.client, args: ca.args[1:]}).place(eventStatus)
		switch {
		case err != nil:
			return err
		case p.peer != "" || !ca.joined(p.name):
			return notJoined(p.name)
		}
		room = p.log
	}
	ctx, cancel := c.context()
	defer cancel()
	if err := c.store.SetStatus(ctx, ca.presenceID(), room, data); err != nil {
		return err
	}
	ca.ok(nil)
	return nil
}

// presenceID is who the client is among the users of a room. A client without a subject is a user of its own.
func (cl *client) presenceID() string {
	if user := cl.user(); user.ID != "" {
		return user.ID
	}
	return string(cl.socket.Id())
}
