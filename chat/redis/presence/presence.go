package presence

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chorus/chat/redis/script"
	"chorus/chat/store"
	"chorus/registry"

	"github.com/redis/go-redis/v9"
)

// PayloadStatus begins the data of a user on the channel of all nodes.
const PayloadStatus = 't'

// maxListed is how many users a page has at most.
const maxListed = 1000

// userIn is a user in a room, socketIn a socket in one.
type (
	userIn   struct{ room, user string }
	socketIn struct{ room, socket string }
)

// here is what this node knows of a user in a room.
type here struct {
	name    string
	sockets int
	gone    time.Time // when the grace ends; zero while there are sockets
}

// Options configure newPresence.
type Options struct {
	Client redis.UniversalClient
	Calls  *script.Calls
	Keys   script.Keys
	Nodes  *registry.Registry
	Logger *slog.Logger

	StatusBytes int // of the data of a user

	// Spec says to a script which back ends are told who comes and goes in a room; "" for none. Relay has them told.
	Spec  func(room string) string
	Relay func(room string)

	Cleaned, Malformed *atomic.Uint64 // users who left because their node died; payloads that were not understood
}

// Users tells Redis which users of this node are in which room. Redis has the whole; this node writes its part again
// whenever it takes another lease.
type Users struct {
	opts   Options
	left   chan leftNode
	status chan statusPayload

	mu      sync.Mutex
	users   map[userIn]*here
	sockets map[socketIn]string // -> user
	rooms   map[string]int      // how many users here
	ofUser  map[string][]string // user -> rooms
	data    map[string]string   // of users here, everywhere
	leaving map[userIn]bool     // those in grace
	unsaved map[userIn]bool     // what Redis was not told, because it was away
	lease   string
	indexed bool            // Redis knows the lease
	noted   map[string]bool // rooms that Redis knows the lease to be in
}

// New returns what keeps the users. Run begins its work.
func New(opts Options) *Users {
	return &Users{
		opts: opts, left: make(chan leftNode, 256), status: make(chan statusPayload, 1024),
		users: make(map[userIn]*here), sockets: make(map[socketIn]string), rooms: make(map[string]int), ofUser: make(map[string][]string),
		data: make(map[string]string), leaving: make(map[userIn]bool), unsaved: make(map[userIn]bool),
		lease: opts.Nodes.Self().Lease, noted: make(map[string]bool),
	}
}

var _ store.Presence = (*Users)(nil)

// present is a user in a payload and in the hash of a room.
type present struct {
	ID      string         `json:"id,omitempty"`
	Name    string         `json:"name,omitempty"`
	Since   int64          `json:"since,omitempty"`
	Devices int            `json:"devices,omitempty"`
	Data    string         `json:"data,omitempty"`
	N       map[string]int `json:"n,omitempty"`
}

func (p *present) user(id string) store.Present {
	out := store.Present{User: id, Name: p.Name, Since: p.Since, Devices: p.Devices}
	for _, n := range p.N {
		out.Devices += n
	}
	if p.Data != "" {
		out.Data = []byte(p.Data)
	}
	return out
}

type presencePayload struct {
	Joined  []present         `json:"joined,omitempty"`
	Changed []present         `json:"changed,omitempty"`
	Left    []string          `json:"left,omitempty"`
	Names   map[string]string `json:"names,omitempty"`
	Count   int               `json:"count"`
}

// Parse reads a change of the users of a room.
func Parse(payload string) (*store.PresenceChange, error) {
	var p presencePayload
	if err := json.Unmarshal([]byte(payload), &p); err != nil {
		return nil, err
	}
	return p.change(), nil
}

func (p *presencePayload) change() *store.PresenceChange {
	c := &store.PresenceChange{Left: p.Left, Names: p.Names, Count: p.Count}
	for i := range p.Joined {
		c.Joined = append(c.Joined, p.Joined[i].user(p.Joined[i].ID))
	}
	for i := range p.Changed {
		c.Changed = append(c.Changed, p.Changed[i].user(p.Changed[i].ID))
	}
	return c
}

type statusPayload struct {
	User string `json:"user"`
	Data string `json:"data"`
}

// Enter implements store.Presence.
func (p *Users) Enter(ctx context.Context, room, socket string, who store.Member) (int, error) {
	at := userIn{room, who.User}
	if err := p.loadStatus(ctx, who.User); err != nil {
		return 0, err
	}
	p.mu.Lock()
	h := p.users[at]
	if h == nil {
		h = new(here)
		p.users[at] = h
		p.ofUser[who.User] = append(p.ofUser[who.User], room)
		p.rooms[room]++
	}
	h.name, h.gone = who.Name, time.Time{}
	one := socketIn{room, socket}
	if _, here := p.sockets[one]; !here {
		h.sockets++
	}
	p.sockets[one] = who.User
	delete(p.leaving, at)
	own, err := p.write(at) // under the lock, for the order; it does not block
	p.mu.Unlock()
	return p.outcome(ctx, at, own, err)
}

// Leave implements store.Presence.
func (p *Users) Leave(ctx context.Context, room, socket string, grace time.Duration) (int, error) {
	p.mu.Lock()
	user, known := p.sockets[socketIn{room, socket}]
	at := userIn{room, user}
	h := p.users[at]
	if !known || h == nil {
		p.mu.Unlock()
		page, err := p.List(ctx, room, "", 0)
		return page.Count, err
	}
	delete(p.sockets, socketIn{room, socket})
	h.sockets--
	switch {
	case h.sockets > 0:
	case grace > 0:
		h.gone = time.Now().Add(grace)
		p.leaving[at] = true
	default:
		p.forget(at)
	}
	own, err := p.write(at)
	p.mu.Unlock()
	return p.outcome(ctx, at, own, err)
}

// forget drops a user who has left a room. The mutex is held.
func (p *Users) forget(at userIn) {
	delete(p.users, at)
	delete(p.leaving, at)
	if p.rooms[at.room]--; p.rooms[at.room] == 0 {
		delete(p.rooms, at.room)
	}
	rooms := slices.DeleteFunc(p.ofUser[at.user], func(room string) bool { return room == at.room })
	p.ofUser[at.user] = rooms
	if len(rooms) == 0 {
		delete(p.ofUser, at.user)
		delete(p.data, at.user)
	}
}

// write sends what this node knows of a user in a room. The mutex is held.
func (p *Users) write(at userIn) (*script.Call, error) {
	h, sockets, name := p.users[at], -1, ""
	if h != nil {
		sockets, name = h.sockets, h.name
	}
	delete(p.unsaved, at)
	if h != nil && !p.indexed {
		if _, err := p.opts.Calls.Push(keepScript, []string{p.opts.Keys.Of("index", "leases")}, p.lease); err != nil {
			return nil, err
		}
		p.indexed = true
	}
	if h != nil && !p.noted[at.room] {
		if _, err := p.opts.Calls.Push(keepScript, []string{p.opts.Keys.Of("lease", p.lease)}, at.room); err != nil {
			return nil, err
		}
		p.noted[at.room] = true
	}
	own, err := p.opts.Calls.Push(enterScript, []string{p.opts.Keys.Of("in", at.room)}, at.user, p.lease, sockets, name, p.data[at.user], p.opts.Keys.Channel(at.room), p.opts.Spec(at.room))
	if err == nil && p.rooms[at.room] == 0 && p.noted[at.room] {
		if _, err := p.opts.Calls.Push(dropScript, []string{p.opts.Keys.Of("lease", p.lease)}, at.room); err == nil {
			delete(p.noted, at.room)
		}
	}
	return own, err
}

// outcome waits for the answer to write. What Redis was not told is sent again later.
func (p *Users) outcome(ctx context.Context, at userIn, own *script.Call, err error) (int, error) {
	var cmd *redis.Cmd
	if err == nil {
		cmd, err = p.opts.Calls.Wait(ctx, own)
	}
	if err != nil {
		p.mu.Lock()
		p.unsaved[at], p.indexed = true, false
		delete(p.noted, at.room)
		p.mu.Unlock()
		return 0, err
	}
	p.opts.Relay(at.room)
	return cmd.Int()
}

// List implements store.Presence.
func (p *Users) List(ctx context.Context, room, cursor string, limit int) (store.PresencePage, error) {
	after, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return store.PresencePage{}, store.ErrBadCursor
	}
	limit = min(limit, maxListed)
	more := 0
	if limit > 0 {
		more = limit + 1
	}
	ctx, cancel := context.WithTimeout(ctx, script.CallTimeout)
	defer cancel()
	answer, err := listScript.Run(ctx, p.opts.Client, []string{p.opts.Keys.Of("in", room)}, string(after), more).Slice()
	if err != nil || len(answer) == 0 {
		return store.PresencePage{}, script.Unavailable(err)
	}
	count, _ := answer[0].(int64)
	page := store.PresencePage{Count: int(count)}
	for i := 1; i+1 < len(answer); i += 2 {
		user, _ := answer[i].(string)
		text, _ := answer[i+1].(string)
		if len(page.Users) == limit {
			page.Next = base64.RawURLEncoding.EncodeToString([]byte(page.Users[limit-1].User))
			break
		}
		var u present
		if json.Unmarshal([]byte(text), &u) == nil {
			page.Users = append(page.Users, u.user(user))
		}
	}
	return page, nil
}

// Lookup implements store.Presence.
func (p *Users) Lookup(ctx context.Context, room, user string) (store.Present, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, script.CallTimeout)
	defer cancel()
	text, err := p.opts.Client.HGet(ctx, p.opts.Keys.Of("in", room), user).Result()
	var u present
	switch {
	case errors.Is(err, redis.Nil):
		return store.Present{}, false, nil
	case err != nil:
		return store.Present{}, false, script.Unavailable(err)
	case json.Unmarshal([]byte(text), &u) != nil:
		return store.Present{}, false, nil
	}
	return u.user(user), true, nil
}
