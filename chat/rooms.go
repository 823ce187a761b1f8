package chat

import (
	"maps"
	"slices"
	"strings"
	"time"

	"chorus/adapter"
	"chorus/adapter/session"
	"chorus/auth"
	"chorus/auth/permission"
	"chorus/auth/refusal"
	"chorus/chat/lane"
	"chorus/chat/rule"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// DefaultMaxRooms is how many rooms a client may join.
const DefaultMaxRooms = 128

// membership is a room that a client has joined by itself, or a conversation that it follows.
type membership struct {
	place rule.Place
	lane  *lane.Lane
}

// member reports whether the client is in a room, by itself or by the program.
func (cl *client) member(room string) bool {
	return cl.joined(room) || cl.socket.Rooms().Has(socket.Room(room))
}

// joined reports whether the client has joined a room by itself.
func (cl *client) joined(room string) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.rooms[room] != nil
}

// leave takes a client out of a room that it has joined. It does not take it out of a room in which the program has
// put it.
func (c *Chat) leave(ca *call) error {
	p, err := ca.place(rule.EventLeave)
	if err != nil {
		return err
	}
	ca.settled.Store(true)
	ca.exit(p.Name)
	ca.ok(nil)
	return nil
}

// exit ends the membership in a room, if the client has joined it.
func (cl *client) exit(room string) {
	cl.mu.Lock()
	m := cl.rooms[room]
	delete(cl.rooms, room)
	delete(cl.grants, room)
	cl.stopTyping(room)
	cl.mu.Unlock()
	if m == nil {
		return
	}
	if m.place.Peer == "" {
		cl.socket.Leave(socket.Room(room))
		cl.unwatch(m.lane.Topic)
	}
	cl.depart(m, 0)
}

// depart gives back what a membership held.
func (cl *client) depart(m *membership, grace time.Duration) {
	c := cl.chat
	m.lane.Forget(cl.socket)
	if m.place.Peer == "" {
		ctx, cancel := c.context()
		defer cancel()
		if _, err := c.store.Leave(ctx, m.place.Log, string(cl.socket.Id()), grace); err != nil {
			c.debug("the store does not know yet that a client has left a room")
		}
		c.after(&Action{Kind: ActionLeave, client: cl, Room: m.place.Name, Fresh: true}, nil)
	}
	m.lane.Release()
}

// expel makes the client leave a room and tells it why.
func (cl *client) expel(room string, why *rule.Error) {
	cl.exit(room)
	cl.left(room, why)
}

// left tells the client that it is not in a room, and why.
func (cl *client) left(room string, why *rule.Error) {
	reason := map[string]any{"code": why.Code, "message": why.Message}
	for name, value := range why.Details {
		if name != "action" && name != "room" {
			reason[name] = value
		}
	}
	_ = cl.socket.Emit(rule.EventLeft, room, reason) // fails for reserved names only
}

// Refreshed makes a client leave the rooms that it has joined and that its new token does not permit. It is for
// auth.MiddlewareOptions.Refreshed and runs where the handlers of the socket run.
func (c *Chat) Refreshed(s *socket.Socket, claims *auth.Claims) {
	cl := clientOf(s)
	if cl == nil {
		return
	}
	a := cl.takeGranted()
	if a == nil {
		a = &Action{Kind: ActionRefresh, client: cl, claims: claims}
	}
	cl.addClaims(a.Extra)
	if now := cl.claims(); now != nil {
		claims = now // with those that the hooks gave
	}
	cl.joinAll(a)
	cl.review(claims)
	c.after(a, nil)
}

// Refreshing asks the hooks about the new token of a client. It is for auth.MiddlewareOptions.Refreshing.
func (c *Chat) Refreshing(s *socket.Socket, claims *auth.Claims) error {
	return c.askAbout(s, ActionRefresh, claims)
}

// Authenticating asks the hooks about a client that authenticates by event. It is for
// auth.MiddlewareOptions.Authenticating.
func (c *Chat) Authenticating(s *socket.Socket, claims *auth.Claims) error {
	return c.askAbout(s, ActionConnect, claims)
}

func (c *Chat) askAbout(s *socket.Socket, kind ActionKind, claims *auth.Claims) error {
	cl := clientOf(s)
	if cl == nil {
		return nil
	}
	if err := c.before(&Action{Kind: kind, client: cl, Namespace: s.Nsp().Name(), claims: claims}); err != nil {
		refused := c.refusalOf(err)
		return refusal.New(refused.Code, refused.Message)
	}
	return nil
}

// review makes the client leave the rooms that its token does not permit.
func (cl *client) review(claims *auth.Claims) {
	cl.mu.Lock()
	rooms := slices.Sorted(maps.Keys(cl.rooms))
	cl.mu.Unlock()
	for _, room := range rooms {
		action, name := permission.Join, room
		if len(room) > 0 && room[:1] == rule.TalkSign {
			action, name = permission.Direct, ""
		}
		if !rule.Permits(claims, action, name) && !cl.mayStay(room) {
			cl.expel(room, auth.Forbidden(action, name))
		}
	}
}

// reviewRestored takes rooms from the session of a client before it connects, so that it gets nothing of what it has
// missed there: those from which it is banned, and those that it had joined and that its new token does not permit.
func (cl *client) reviewRestored() {
	rooms, own := session.RestoredRooms(cl.socket)
	forgone := make(map[string]*rule.Error)
	for _, name := range rooms {
		room := string(name)
		if strings.HasPrefix(room, "\x00") || cl.ownRoom(room) {
			continue
		}
		if slices.Contains(own, name) && !cl.chat.opts.Open && !cl.mayReturn(room) {
			forgone[room] = auth.Forbidden(permission.Join, room)
			continue
		}
		ctx, cancel := cl.chat.context()
		if err := cl.notBanned(ctx, cl.chat.policies.Room(room)); err != nil {
			forgone[room] = cl.chat.refusalOf(err)
		}
		cancel()
	}
	for room := range forgone {
		session.Forgo(cl.socket, socket.Room(room), lane.WatchRoom(room))
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.forgone = forgone
}

// mayReturn reports whether the token or a hook lets the client back into a room.
func (cl *client) mayReturn(room string) bool {
	cl.mu.Lock()
	granted := cl.granted != nil && slices.Contains(cl.granted.Rooms, room)
	cl.mu.Unlock()
	return granted || cl.mayStay(room) || rule.Permits(cl.claims(), permission.Join, room)
}

// tellForgone tells a client that has connected again in which rooms it is not any more.
func (cl *client) tellForgone() {
	cl.mu.Lock()
	forgone := cl.forgone
	cl.forgone = nil
	cl.mu.Unlock()
	for _, room := range slices.Sorted(maps.Keys(forgone)) {
		cl.left(room, forgone[room])
	}
}

// recovered makes a client that has its session back a member of the rooms that it had joined. Rooms into which the
// program has put it stay the program's.
func (cl *client) recovered(granted *Action) {
	cl.tellForgone()
	for _, room := range adapter.OwnRooms(cl.socket) {
		cl.rejoin(string(room))
	}
	if granted != nil {
		cl.keep(granted.Rooms)
	}
	if !cl.chat.opts.Open {
		cl.review(cl.claims())
	}
	cl.reviewBans()
	cl.askAgain()
}

// askAgain asks the hooks whether the client may still be in the rooms of its session.
func (cl *client) askAgain() {
	for _, room := range cl.joinedRooms() {
		if cl.ownRoom(room) || cl.mayStay(room) {
			continue
		}
		if err := cl.chat.before(&Action{Kind: ActionJoin, client: cl, Room: room}); err != nil {
			cl.putOut(room, cl.chat.refusalOf(err))
		}
	}
}

// rejoin makes the client a member of a room in which its socket is.
func (cl *client) rejoin(room string) {
	c := cl.chat
	ctx, cancel := c.context()
	defer cancel()
	p := c.policies.Room(room)
	l, err := c.lanes.Acquire(ctx, p.Log)
	if err != nil {
		c.debug("a room of a client that returns is not followed yet")
	}
	cl.mu.Lock()
	if cl.rooms == nil {
		cl.rooms = make(map[string]*membership)
	}
	cl.rooms[room] = &membership{place: p, lane: l}
	cl.mu.Unlock()
	if cl.socket.Rooms().Has(lane.WatchRoom(room)) {
		cl.watch(l)
	}
	_, _ = cl.arrive(ctx, p) // the store goes on by itself
}

// forget drops the rooms out of which the program has taken the client, and reports whether there were any; cl.mu is
// held.
func (cl *client) forget() bool {
	in := cl.socket.Rooms()
	var gone []*membership
	maps.DeleteFunc(cl.rooms, func(room string, m *membership) bool {
		out := m.place.Peer == "" && !in.Has(socket.Room(room))
		if out {
			gone = append(gone, m)
		}
		return out
	})
	for _, m := range gone {
		go cl.depart(m, 0) // ends with the store's answer
	}
	return len(gone) > 0
}

// watch has a lane kept for as long as the client hears of presence there. It returns false when there are too many.
func (cl *client) watch(l *lane.Lane) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.watching[l.Topic] != nil || cl.gone {
		return true
	}
	if len(cl.watching) >= 2*cl.chat.opts.MaxRooms {
		return false
	}
	l.Hold()
	if cl.watching == nil {
		cl.watching = make(map[string]*lane.Lane)
	}
	cl.watching[l.Topic] = l
	return true
}

// unwatch ends what watch began.
func (cl *client) unwatch(topic string) {
	cl.mu.Lock()
	l := cl.watching[topic]
	delete(cl.watching, topic)
	cl.mu.Unlock()
	if l != nil {
		cl.socket.Leave(lane.WatchRoom(topic))
		l.Release()
	}
}
