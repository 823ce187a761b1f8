package message

import (
	"context"
	"fmt"
	"log/slog"

	"chorus/auth/permission"
	"chorus/chat/client"
	"chorus/chat/rule"
	"chorus/codec"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// maxUnread is how many rooms a request may name.
const maxUnread = 1000

// read notes up to where the user of the client has read a room, or with null that nobody need count there.
func (c *Messages) read(ca *client.Call) error {
	p, err := ca.Place(rule.EventRead)
	if err != nil {
		return err
	}
	seq, err := codec.Arg[*int64](rule.EventRead, ca.Args, 1)
	if err != nil || seq != nil && *seq < 0 {
		return rule.BadRequest("read: the second argument is not the seq of a message or null")
	}
	if err := ca.Allow(permission.Join, p); err != nil {
		return err
	}
	user := ca.User().ID
	if user == "" {
		return rule.NeedsUser(p)
	}
	if !p.Policy.History.Keeps() {
		return rule.NoHistory(p)
	}
	ctx, cancel := c.Context()
	defer cancel()
	if seq == nil {
		if err := c.Store.Forget(ctx, user, p.Log); err != nil {
			return err
		}
		c.tellRead(ca, p, user, nil)
		ca.OK(map[string]any{"seq": nil, "unread": 0})
		return nil
	}
	if err := ca.NotBanned(ctx, p); err != nil {
		return err
	}
	u, err := c.Store.Read(ctx, user, p.Log, *seq)
	if err != nil {
		return err
	}
	if u.Read <= *seq { // else the marker was further already
		c.tellRead(ca, p, user, &u.Read)
	}
	ca.OK(map[string]any{"seq": u.Read, "unread": u.Unread})
	return nil
}

// tellRead tells the user's other sockets, and the room if its policy says so, but for a marker that was removed.
func (c *Messages) tellRead(ca *client.Call, p rule.Place, user string, seq *int64) {
	to := types.NewSet(socket.Room(rule.UserRoom(user)))
	if p.Policy.Receipts && p.Peer == "" && seq != nil {
		to.Add(socket.Room(p.Log))
	}
	event := []any{rule.EventRead, p.Name, map[string]any{"user": user, "seq": seq}}
	c.Emit(event, &socket.BroadcastOptions{Rooms: to, Except: types.NewSet(socket.Room(ca.Socket.Id()))}, nil)
}

// markOwn moves the marker of a user who has said something. It is one write for the sender, and none for the others.
func (c *Messages) markOwn(ctx context.Context, user string, p rule.Place, seq int64) {
	if user == "" || seq == 0 {
		return
	}
	if _, err := c.Store.Read(ctx, user, p.Log, seq); err != nil {
		c.Debug("the marker of a sender was not moved", slog.String("room", p.Name), slog.Any("error", err))
	}
}

// unreadOptions are the argument of "unread".
type unreadOptions struct {
	Rooms []string `json:"rooms"`
}

// unread lists what the user of the client has not read.
func (c *Messages) unread(ca *client.Call) error {
	opts, err := client.Option[unreadOptions](ca, rule.EventUnread, 0)
	switch {
	case err != nil:
		return err
	case len(opts.Rooms) > maxUnread:
		return rule.BadRequest(fmt.Sprintf("unread: at most %d rooms", maxUnread))
	}
	user := ca.User().ID
	if user == "" {
		return rule.NeedsUser(rule.Place{})
	}
	var logs []string
	if opts.Rooms != nil {
		logs = make([]string, 0, len(opts.Rooms))
	}
	for _, room := range opts.Rooms {
		p, err := (&client.Call{Client: ca.Client, Args: []any{room}}).Place(rule.EventUnread)
		if err != nil {
			return err
		}
		if err := ca.Allow(permission.Join, p); err != nil {
			return err
		}
		logs = append(logs, p.Log)
	}
	ctx, cancel := c.Context()
	defer cancel()
	list, err := c.Store.Unread(ctx, user, logs)
	if err != nil {
		return err
	}
	rooms := make([]any, 0, len(list))
	for _, u := range list {
		name, shown := c.nameOf(ca, u.Log)
		if !shown {
			continue
		}
		rooms = append(rooms, map[string]any{"room": name, "unread": u.Unread, "mentions": u.Mentions, "read": u.Read, "last": u.Last})
	}
	ca.OK(map[string]any{"rooms": rooms})
	return nil
}

// Marker is up to where a user has read, and what is unread behind that.
type Marker struct {
	Room     string `json:"room" doc:"As the user writes it: @NAME for a conversation."`
	Read     int64  `json:"read" doc:"The seq of the last message that the user has read."`
	Last     int64  `json:"last" doc:"The seq of the newest message."`
	Unread   int64  `json:"unread"`
	Mentions int64  `json:"mentions" doc:"Unread messages that mention the user."`
}

// Markers lists up to where a user has read, in all rooms in which the user has a marker.
func (c *Messages) Markers(ctx context.Context, user string) ([]Marker, error) {
	list, err := c.Store.Unread(ctx, user, nil)
	markers := make([]Marker, 0, len(list))
	for _, u := range list {
		markers = append(markers, Marker{Room: logName(u.Log, user), Read: u.Read, Last: u.Last, Unread: u.Unread, Mentions: u.Mentions})
	}
	return markers, err
}

// logName returns the name of a log as a user writes it.
func logName(log, user string) string {
	a, b, talk := rule.Talkers(log)
	switch {
	case !talk:
		return log
	case a == user:
		return rule.TalkSign + b
	}
	return rule.TalkSign + a
}

// nameOf returns the name of a log as the client writes it, and whether its token lets it be there.
func (c *Messages) nameOf(ca *client.Call, log string) (name string, permitted bool) {
	if _, _, talk := rule.Talkers(log); talk {
		return logName(log, ca.User().ID), ca.Permits(permission.Direct, "")
	}
	return log, ca.Permits(permission.Join, log)
}
