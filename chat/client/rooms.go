package client

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

// Member reports whether the client is in a room, by itself or by the program.
func (cl *Client) Member(room string) bool {
	return cl.Joined(room) || cl.Socket.Rooms().Has(socket.Room(room))
}

// Joined reports whether the client has joined a room by itself.
func (cl *Client) Joined(room string) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.rooms[room] != nil
}

// leave takes a client out of a room that it has joined. It does not take it out of a room in which the program has
// put it.
func (c *Clients) leave(ca *Call) error {
	p, err := ca.Place(rule.EventLeave)
	if err != nil {
		return err
	}
	ca.settled.Store(true)
	ca.Exit(p.Name)
	ca.OK(nil)
	return nil
}

// Exit ends the membership in a room, if the client has joined it.
func (cl *Client) Exit(room string) {
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
		cl.Socket.Leave(socket.Room(room))
		cl.unwatch(m.lane.Topic)
	}
	cl.depart(m, 0)
}

// depart gives back what a membership held.
func (cl *Client) depart(m *membership, grace time.Duration) {
	c := cl.all
	m.lane.Forget(cl.Socket)
	if m.place.Peer == "" {
		ctx, cancel := c.Context()
		defer cancel()
		if _, err := c.Store.Leave(ctx, m.place.Log, string(cl.Socket.Id()), grace); err != nil {
			c.Debug("the store does not know yet that a client has left a room")
		}
		c.TellHooks(&Action{Kind: ActionLeave, client: cl, Room: m.place.Name, Fresh: true}, nil)
	}
	m.lane.Release()
}

// Expel makes the client leave a room and tells it why.
func (cl *Client) Expel(room string, why *rule.Error) {
	cl.Exit(room)
	cl.left(room, why)
}

// left tells the client that it is not in a room, and why.
func (cl *Client) left(room string, why *rule.Error) {
	reason := map[string]any{"code": why.Code, "message": why.Message}
	for name, value := range why.Details {
		if name != "action" && name != "room" {
			reason[name] = value
		}
	}
	_ = cl.Socket.Emit(rule.EventLeft, room, reason) // fails for reserved names only
}

// Refreshed makes a client leave the rooms that it has joined and that its new token does not permit. It is for
// auth.MiddlewareOptions.Refreshed and runs where the handlers of the socket run.
func (c *Clients) Refreshed(s *socket.Socket, claims *auth.Claims) {
	cl := Of(s)
	if cl == nil {
		return
	}
	a := cl.takeGranted()
	if a == nil {
		a = &Action{Kind: ActionRefresh, client: cl, claims: claims}
	}
	cl.addClaims(a.Extra)
	if now := cl.Claims(); now != nil {
		claims = now // with those that the hooks gave
	}
	cl.joinAll(a)
	cl.review(claims)
	c.TellHooks(a, nil)
}

// Refreshing asks the hooks about the new token of a client. It is for auth.MiddlewareOptions.Refreshing.
func (c *Clients) Refreshing(s *socket.Socket, claims *auth.Claims) error {
	return c.askAbout(s, ActionRefresh, claims)
}

// Authenticating asks the hooks about a client that authenticates by event. It is for
// auth.MiddlewareOptions.Authenticating.
func (c *Clients) Authenticating(s *socket.Socket, claims *auth.Claims) error {
	return c.askAbout(s, ActionConnect, claims)
}

func (c *Clients) askAbout(s *socket.Socket, kind ActionKind, claims *auth.Claims) error {
	cl := Of(s)
	if cl == nil {
		return nil
	}
	if err := c.AskHooks(&Action{Kind: kind, client: cl, Namespace: s.Nsp().Name(), claims: claims}); err != nil {
		refused := c.Refusal(err)
		return refusal.New(refused.Code, refused.Message)
	}
	return nil
}

// review makes the client leave the rooms that its token does not permit.
func (cl *Client) review(claims *auth.Claims) {
	cl.mu.Lock()
	rooms := slices.Sorted(maps.Keys(cl.rooms))
	cl.mu.Unlock()
	for _, room := range rooms {
		action, name := permission.Join, room
		if len(room) > 0 && room[:1] == rule.TalkSign {
			action, name = permission.Direct, ""
		}
		if !rule.Permits(claims, action, name) && !cl.mayStay(room) {
			cl.Expel(room, auth.Forbidden(action, name))
		}
	}
}

// reviewRestored takes rooms from the session of a client before it connects, so that it gets nothing of what it has
// missed there: those from which it is banned, and those that it had joined and that its new token does not permit.
func (cl *Client) reviewRestored() {
	rooms, own := session.RestoredRooms(cl.Socket)
	forgone := make(map[string]*rule.Error)
	for _, name := range rooms {
		room := string(name)
		if strings.HasPrefix(room, "\x00") || cl.ownRoom(room) {
			continue
		}
		if slices.Contains(own, name) && !cl.all.Options.Open && !cl.mayReturn(room) {
			forgone[room] = auth.Forbidden(permission.Join, room)
			continue
		}
		ctx, cancel := cl.all.Context()
		if err := cl.NotBanned(ctx, cl.all.Policies.Room(room)); err != nil {
			forgone[room] = cl.all.Refusal(err)
		}
		cancel()
	}
	for room := range forgone {
		session.Forgo(cl.Socket, socket.Room(room), lane.WatchRoom(room))
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.forgone = forgone
}

// mayReturn reports whether the token or a hook lets the client back into a room.
func (cl *Client) mayReturn(room string) bool {
	cl.mu.Lock()
	granted := cl.granted != nil && slices.Contains(cl.granted.Rooms, room)
	cl.mu.Unlock()
	return granted || cl.mayStay(room) || rule.Permits(cl.Claims(), permission.Join, room)
}

// tellForgone tells a client that has connected again in which rooms it is not any more.
func (cl *Client) tellForgone() {
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
func (cl *Client) recovered(granted *Action) {
	cl.tellForgone()
	for _, room := range adapter.OwnRooms(cl.Socket) {
		cl.rejoin(string(room))
	}
	if granted != nil {
		cl.keep(granted.Rooms)
	}
	if !cl.all.Options.Open {
		cl.review(cl.Claims())
	}
	cl.ReviewBans()
	cl.askAgain()
}

// askAgain asks the hooks whether the client may still be in the rooms of its session.
func (cl *Client) askAgain() {
	for _, room := range cl.JoinedRooms() {
		if cl.ownRoom(room) || cl.mayStay(room) {
			continue
		}
		if err := cl.all.AskHooks(&Action{Kind: ActionJoin, client: cl, Room: room}); err != nil {
			cl.PutOut(room, cl.all.Refusal(err))
		}
	}
}

// rejoin makes the client a member of a room in which its socket is.
func (cl *Client) rejoin(room string) {
	c := cl.all
	ctx, cancel := c.Context()
	defer cancel()
	p := c.Policies.Room(room)
	l, err := c.Lanes.Acquire(ctx, p.Log)
	if err != nil {
		c.Debug("a room of a client that returns is not followed yet")
	}
	cl.mu.Lock()
	if cl.rooms == nil {
		cl.rooms = make(map[string]*membership)
	}
	cl.rooms[room] = &membership{place: p, lane: l}
	cl.mu.Unlock()
	if cl.Socket.Rooms().Has(lane.WatchRoom(room)) {
		cl.watch(l)
	}
	_, _ = cl.arrive(ctx, p) // the store goes on by itself
}

// forget drops the rooms out of which the program has taken the client, and reports whether there were any; cl.mu is
// held.
func (cl *Client) forget() bool {
	in := cl.Socket.Rooms()
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
func (cl *Client) watch(l *lane.Lane) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.watching[l.Topic] != nil || cl.gone {
		return true
	}
	if len(cl.watching) >= 2*cl.all.Options.MaxRooms {
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
func (cl *Client) unwatch(topic string) {
	cl.mu.Lock()
	l := cl.watching[topic]
	delete(cl.watching, topic)
	cl.mu.Unlock()
	if l != nil {
		cl.Socket.Leave(lane.WatchRoom(topic))
		l.Release()
	}
}
