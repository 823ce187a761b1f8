package client

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"chorus/chat/rule"
	"chorus/chat/store"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// begin puts a client into the rooms that it has from the beginning, before any of its events is handled.
func (cl *Client) begin() {
	c := cl.all
	if !c.Options.Open && cl.Claims() == nil {
		return // it has not authenticated yet
	}
	granted := cl.takeGranted()
	if granted != nil {
		cl.addClaims(granted.Extra)
	}
	cl.beginOnline()
	if cl.Socket.Nsp() == c.Namespace {
		cl.beginUser() // of a client that authenticates by event
		cl.beginPlaced()
		if cl.Socket.Recovered() {
			cl.recovered(granted)
		}
		if granted != nil {
			cl.joinAll(granted)
		}
		for _, room := range cl.wanted() {
			if err := cl.joinWanted(room); err != nil {
				cl.left(room, c.Refusal(err))
			}
		}
	}
	cl.all.Greet(cl)
	if granted != nil {
		c.TellHooks(granted, nil)
	}
}

// beginUser makes the socket one of those of its user, unless it is one.
func (cl *Client) beginUser() {
	user := cl.User()
	cl.mu.Lock()
	done := user.ID == "" || cl.own != nil || cl.gone
	cl.mu.Unlock()
	if done {
		return
	}
	c, room := cl.all, rule.UserRoom(user.ID)
	ctx, cancel := c.Context()
	defer cancel()
	p := c.Policies.Room(room)
	l, err := c.Lanes.Acquire(ctx, room)
	if err != nil {
		c.Debug("the room of a user is not followed yet", slog.Any("error", err))
	}
	cl.Socket.Join(socket.Room(room))
	cl.mu.Lock()
	gone := cl.gone
	cl.own = &membership{place: p, lane: l}
	cl.mu.Unlock()
	if gone {
		l.Release()
		return
	}
	_, _ = cl.arrive(ctx, p) // the store goes on by itself
	if !cl.Socket.Connected() {
		time.AfterFunc(connectPatience, func() { cl.awaitConnect(room) })
	}
}

// connectPatience is when a socket that has not connected yet is looked at again.
const connectPatience = time.Second

// awaitConnect ends a client that a later middleware has refused: the library takes its socket out of all rooms, and
// says nothing.
func (cl *Client) awaitConnect(room string) {
	switch s := cl.Socket; {
	case s.Connected():
	case s.Rooms().Has(socket.Room(room)) && s.Conn().ReadyState() != "closed":
		time.AfterFunc(connectPatience, func() { cl.awaitConnect(room) })
	default:
		cl.end()
	}
}

// maxWanted bounds the rooms that a handshake may name.
const maxWanted = 100

// wanted returns the rooms that the handshake names in its auth object: {token, rooms}.
func (cl *Client) wanted() []string {
	list, _ := cl.Socket.Handshake().Auth["rooms"].([]any)
	var rooms []string
	for _, item := range list[:min(len(list), maxWanted)] {
		if room, ok := item.(string); ok {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

// joinWanted joins a room that the handshake names.
func (cl *Client) joinWanted(room string) error {
	ca := &Call{Client: cl, Args: []any{room}}
	p, err := ca.Place(rule.EventJoin)
	if err != nil {
		return err
	}
	return cl.JoinQuietly(p)
}

// end is called when the socket has ended: it leaves its rooms, of which the cluster is told after the grace.
func (cl *Client) end() {
	cl.mu.Lock()
	cl.gone = true
	rooms, watching := slices.Collect(maps.Values(cl.rooms)), cl.watching
	if cl.own != nil {
		rooms = append(rooms, cl.own)
	}
	cl.rooms, cl.watching, cl.own = nil, nil, nil
	cl.stopTyping("")
	cl.mu.Unlock()
	cl.endOnline()
	if len(rooms) == 0 && len(watching) == 0 {
		return
	}
	cl.all.Task(func() { // ends when the store has answered
		for _, m := range rooms {
			cl.depart(m, cl.all.Options.Presence.Grace)
		}
		for _, l := range watching {
			l.Release()
		}
	})
}

// beginOnline counts the client among the users who are online, if CountOnline is set.
func (cl *Client) beginOnline() {
	c := cl.all
	cl.mu.Lock()
	count := c.CountOnline && !cl.online && !cl.gone
	cl.online = cl.online || count
	cl.mu.Unlock()
	if !count {
		return
	}
	ctx, cancel := c.Context()
	defer cancel()
	member := store.Member{User: cl.PresenceID(), Name: cl.User().Name}
	if _, err := c.Store.Enter(ctx, OnlineLog, string(cl.Socket.Id()), member); err != nil {
		c.Debug("the store does not know yet that a client is online", slog.Any("error", err))
	}
	cl.mu.Lock()
	gone := cl.gone
	cl.mu.Unlock()
	if gone {
		cl.endOnline()
	}
}

// endOnline ends what beginOnline began.
func (cl *Client) endOnline() {
	c := cl.all
	cl.mu.Lock()
	online := cl.online
	cl.online = false
	cl.mu.Unlock()
	if !online {
		return
	}
	c.Task(func() { // ends when the store has answered
		ctx, cancel := c.Context()
		defer cancel()
		_, _ = c.Store.Leave(ctx, OnlineLog, string(cl.Socket.Id()), c.Options.Presence.Grace) // the store goes on by itself
	})
}

// OnlineLog is the room, for presence alone, of all users who are online.
const OnlineLog = "\x00online"
