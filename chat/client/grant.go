package client

import (
	"errors"
	"log/slog"
	"maps"

	"chorus/adapter"
	"chorus/auth"
	"chorus/chat/rule"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Emission is an event that a function of Before has the server send, as soon as the action is done.
type Emission struct {
	To    Recipients
	Event string
	Args  []any
}

// Recipients are sockets of the namespace of an action. Each of them hears an event once.
type Recipients struct {
	Everyone bool // all sockets
	Others   bool // all sockets but the client's
	Self     bool // all sockets of the client's user

	Rooms, Users, Sockets []string
	Except                []string // sockets, and rooms
}

// Check returns what is wrong with recipients.
func (r *Recipients) Check() error {
	if !r.Everyone && !r.Others && !r.Self && len(r.Rooms)+len(r.Users)+len(r.Sockets) == 0 {
		return errors.New("nobody is named")
	}
	for _, list := range [][]string{r.Rooms, r.Sockets, r.Except} {
		for _, name := range list {
			if err := rule.CheckName(name); err != nil {
				return err
			}
		}
	}
	for _, user := range r.Users {
		if rule.CheckName(rule.UserRoom(user)) != nil || user == "" {
			return errors.New("a user has an id that no user can have")
		}
	}
	return nil
}

// grant gives a client what the hooks gave it with a permission. A client that is not connected yet, or has no new token
// yet, gets it later: see granted.
func (cl *Client) grant(a *Action) {
	switch a.Kind {
	case ActionConnect, ActionRefresh:
		cl.mu.Lock()
		cl.granted = a
		cl.mu.Unlock()
	default:
		cl.addClaims(a.Extra)
		cl.joinAll(a)
	}
}

// takeGranted returns what the hooks gave with the permission to connect, or with the permission of a new token; nil for
// nothing, or when it was taken.
func (cl *Client) takeGranted() *Action {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	a := cl.granted
	cl.granted = nil
	return a
}

func (cl *Client) joinAll(a *Action) {
	for _, room := range a.Rooms {
		if err := cl.joinGranted(room); err != nil {
			cl.left(room, cl.all.Refusal(err))
		}
	}
}

func (cl *Client) emitAll(a *Action) {
	for i := range a.Emit {
		if err := cl.emit(&a.Emit[i]); err != nil {
			cl.all.Debug("an event of the authorise hook was not sent", slog.Any("error", err))
		}
	}
}

// joinGranted makes the client a member of a room for which its token need not have the right.
func (cl *Client) joinGranted(room string) error {
	ca := &Call{Client: cl, Args: []any{room}}
	p, err := ca.Place(rule.EventJoin)
	if err != nil {
		return err
	}
	cl.keep([]string{p.Name})
	_, l, pos, err := cl.settle(p, joinOptions{}, &Action{Kind: ActionJoin, client: cl, Room: p.Name})
	if err != nil {
		return err
	}
	l.Answer(cl.Socket, pos, false, func(bool) {})
	l.Release()
	return nil
}

// keep has the client stay in rooms whatever its token permits.
func (cl *Client) keep(rooms []string) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.grants == nil {
		cl.grants = make(map[string]bool)
	}
	for _, room := range rooms {
		cl.grants[room] = true
	}
}

// mayStay reports whether a hook has let the client into a room.
func (cl *Client) mayStay(room string) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.grants[room]
}

// addClaims adds the claims that the hooks gave, which stay for the next tokens too, until the hooks give others.
func (cl *Client) addClaims(claims map[string]any) {
	cl.mu.Lock()
	if len(claims) > 0 {
		cl.extra = maps.Clone(claims)
	}
	extra := cl.extra
	cl.mu.Unlock()
	if len(extra) == 0 {
		return
	}
	if err := auth.Extend(cl.Socket, extra); err != nil {
		cl.all.Options.Logger.Warn("claims of the authorise hook are not those of a token", slog.Any("error", err))
	}
}

// emit sends an event of the hooks.
func (cl *Client) emit(e *Emission) error {
	if err := e.To.Check(); err != nil {
		return err
	}
	publisher, ok := adapter.Of(cl.Socket.Nsp())
	if !ok {
		return errors.New("chat: the adapter of the namespace is not one of package adapter")
	}
	to := &socket.BroadcastOptions{Rooms: types.NewSet[socket.Room](), Except: types.NewSet[socket.Room](), Flags: &socket.BroadcastFlags{}}
	for _, room := range e.To.Except {
		to.Except.Add(socket.Room(room))
	}
	switch {
	case e.To.Others:
		to.Except.Add(socket.Room(cl.Socket.Id()))
	case e.To.Everyone:
	default:
		for _, list := range [][]string{e.To.Rooms, e.To.Sockets} {
			for _, room := range list {
				to.Rooms.Add(socket.Room(room))
			}
		}
		for _, user := range e.To.Users {
			to.Rooms.Add(socket.Room(rule.UserRoom(user)))
		}
		if e.To.Self {
			to.Rooms.Add(cl.selfRoom())
		}
	}
	publisher.Publish(&parser.Packet{Type: parser.EVENT, Data: append([]any{e.Event}, e.Args...)}, to, nil)
	return nil
}

// selfRoom is the room of all sockets of the client's user, that of its own socket without a user.
func (cl *Client) selfRoom() socket.Room {
	if id := cl.User().ID; id != "" {
		return socket.Room(rule.UserRoom(id))
	}
	return socket.Room(cl.Socket.Id())
}
