package cluster

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"chorus/chat/rule"
	"chorus/chat/store"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
	"golang.org/x/sync/errgroup"
)

// Room is a room with somebody in it.
type Room struct {
	Name    string
	Users   int // with those within the grace
	Sockets int // in the cluster
}

// RoomPage is a part of the list of rooms, by name.
type RoomPage struct {
	Rooms []Room
	Next  string // the name of the last one; "" at the end
	// Missing are nodes that did not answer in time. The rooms of their clients may not be in the list.
	Missing []string
}

// maxRoomPage bounds the rooms of a page.
const maxRoomPage = 1000

// maxCounted is how many rooms are counted at the same time.
const maxCounted = 64

type roomsQuestion struct {
	Prefix, After string
	Limit         int
}

type roomsAnswer struct {
	Names   []string
	Sockets []int
}

// roomLister is what the adapters of package adapter can do.
type roomLister interface {
	ListRooms(prefix, after string, limit int) (names []string, sockets []int)
}

// RoomsOf lists the rooms of the cluster whose names begin with prefix, after a name. Without a prefix the rooms of users
// are left out.
func (c *Nodes) RoomsOf(ctx context.Context, prefix, after string, limit int) (RoomPage, error) {
	page, err := c.roomNames(ctx, prefix, after, limit)
	if err != nil {
		return RoomPage{}, err
	}
	return page, c.countUsers(ctx, page.Rooms)
}

// roomNames is RoomsOf without the numbers of users.
func (c *Nodes) roomNames(ctx context.Context, prefix, after string, limit int) (RoomPage, error) {
	limit = min(max(limit, 1), maxRoomPage)
	sockets := make(map[string]int)
	full := "" // a node that has more gives no room beyond this one
	missing, err := Ask(ctx, c, "rooms", roomsQuestion{prefix, after, limit + 1}, func(_ string, a roomsAnswer) {
		for i, name := range a.Names[:min(len(a.Names), len(a.Sockets))] {
			sockets[name] += a.Sockets[i]
		}
		if len(a.Names) > limit {
			if last := a.Names[len(a.Names)-1]; full == "" || last < full {
				full = last
			}
		}
	})
	if err != nil {
		return RoomPage{}, err
	}
	page := RoomPage{Missing: missing}
	for name, n := range sockets {
		page.Rooms = append(page.Rooms, Room{Name: name, Sockets: n})
	}
	slices.SortFunc(page.Rooms, func(a, b Room) int { return cmp.Compare(a.Name, b.Name) })
	if len(page.Rooms) > limit {
		page.Rooms = page.Rooms[:limit]
		page.Next = page.Rooms[limit-1].Name
	}
	return page, nil
}

// countUsers fills in how many users there are.
func (c *Nodes) countUsers(ctx context.Context, rooms []Room) error {
	group, counts := errgroup.WithContext(ctx)
	group.SetLimit(maxCounted)
	for i := range rooms {
		group.Go(func() error {
			page, err := c.Store.List(counts, rooms[i].Name, "", 0)
			rooms[i].Users = page.Count
			return err
		})
	}
	return group.Wait()
}

// roomsHere answers with rooms of this node.
func (c *Nodes) roomsHere(q roomsQuestion) (a roomsAnswer) {
	lister := listerOf(c.Namespace.Adapter())
	if lister == nil {
		return a
	}
	if strings.HasPrefix(q.Prefix, rule.UserRooms) {
		a.Names, a.Sockets = lister.ListRooms(q.Prefix, q.After, q.Limit)
		return a
	}
	for after := q.After; ; { // the rooms of users are passed over
		names, sockets := lister.ListRooms(q.Prefix, after, q.Limit)
		for i, name := range names {
			if !strings.HasPrefix(name, rule.UserRooms) && len(a.Names) < q.Limit {
				a.Names, a.Sockets = append(a.Names, name), append(a.Sockets, sockets[i])
			}
		}
		if len(names) < q.Limit || len(a.Names) >= q.Limit {
			return a
		}
		if after = names[len(names)-1]; strings.HasPrefix(after, rule.UserRooms) {
			after = rule.UserRooms[:len(rule.UserRooms)-1] + "\xff" // behind all of them
		}
	}
}

// listerOf looks through adapters that wrap another one.
func listerOf(a socket.Adapter) roomLister {
	for a != nil {
		if l, ok := a.(roomLister); ok {
			return l
		}
		w, ok := a.(interface{ Unwrap() socket.Adapter })
		if !ok {
			return nil
		}
		a = w.Unwrap()
	}
	return nil
}

type roomQuestion struct{ Room string }

type countAnswer struct{ Count int }

// RoomOf returns a room with the numbers of users and sockets, which are 0 for one that nobody is in.
func (c *Nodes) RoomOf(ctx context.Context, room string) (Room, error) {
	r := Room{Name: room}
	page, err := c.Store.List(ctx, room, "", 0)
	if err != nil {
		return r, err
	}
	r.Users = page.Count
	_, err = Ask(ctx, c, "room", roomQuestion{room}, func(_ string, a countAnswer) { r.Sockets += a.Count })
	return r, err
}

func (c *Nodes) roomHere(q roomQuestion) countAnswer {
	return countAnswer{c.Namespace.Adapter().Sockets(types.NewSet(socket.Room(q.Room))).Len()}
}

// Connection is a socket of a user.
type Connection struct {
	ID        string   `json:"id"`
	Node      string   `json:"node"`
	Since     int64    `json:"since"` // milliseconds since 1970
	Transport string   `json:"transport"`
	Address   string   `json:"address,omitempty"`
	UserAgent string   `json:"userAgent,omitempty"`
	Rooms     []string `json:"rooms"`
	Name      string   `json:"name,omitempty"` // of the user
	Received  uint64   `json:"received" doc:"Messages of the client so far."`
	Sent      uint64   `json:"sent" doc:"Messages to the client so far."`
}

// maxConnections bounds the connections of a user that a node tells, and maxConnectionRooms the rooms of each.
const (
	maxConnections     = 1000
	maxConnectionRooms = 1000
)

type userQuestion struct {
	User string
	Room string `json:",omitempty"`
	Code string `json:",omitempty"`
	Text string `json:",omitempty"`
}

type connectionsAnswer struct{ Connections []Connection }

// Connections lists the sockets of a user in the cluster. missing are nodes that did not answer in time.
func (c *Nodes) Connections(ctx context.Context, user string) (list []Connection, missing []string, err error) {
	list = []Connection{}
	missing, err = Ask(ctx, c, "connections", userQuestion{User: user}, func(node string, a connectionsAnswer) {
		for _, connection := range a.Connections {
			connection.Node = node
			list = append(list, connection)
		}
	})
	slices.SortFunc(list, func(a, b Connection) int { return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.ID, b.ID)) })
	return list, missing, err
}

func (c *Nodes) connectionsHere(q userQuestion) (a connectionsAnswer) {
	for _, cl := range c.ClientsOf(q.User) {
		if len(a.Connections) == maxConnections {
			break
		}
		handshake := cl.Socket.Handshake()
		connection := Connection{
			ID: string(cl.Socket.Id()), Since: cl.Since.UnixMilli(), Name: cl.User().Name,
			Transport: cl.Socket.Conn().Transport().Name(), Address: handshake.Address, Rooms: []string{},
		}
		if conn, ok := cl.Socket.Conn().(interface {
			Messages() (received, sent uint64)
		}); ok {
			connection.Received, connection.Sent = conn.Messages()
		}
		if agent := handshake.Headers["user-agent"]; agent != nil {
			connection.UserAgent = firstText(agent)
		}
		for _, room := range cl.Socket.Rooms().Keys() {
			name := string(room)
			if name >= " " && name != connection.ID && name != rule.UserRoom(q.User) && len(connection.Rooms) < maxConnectionRooms {
				connection.Rooms = append(connection.Rooms, name)
			}
		}
		slices.Sort(connection.Rooms)
		a.Connections = append(a.Connections, connection)
	}
	return a
}

// maxUserAgent bounds what is told of the program of a client, in bytes.
const maxUserAgent = 256

func firstText(value any) string {
	text, _ := value.(string)
	if list, ok := value.([]string); ok && len(list) > 0 {
		text = list[0]
	}
	return strings.ToValidUTF8(text[:min(len(text), maxUserAgent)], "")
}

// JoinUser makes all sockets of a user in the cluster members of a room, and with a time also those that come within it.
// It returns how many sockets there are now.
func (c *Nodes) JoinUser(ctx context.Context, user, room string, within time.Duration) (count int, err error) {
	if err := c.checkUserRoom(user, room); err != nil {
		return 0, err
	}
	if within > 0 {
		if err := c.Store.Place(ctx, user, room, within); err != nil {
			return 0, err
		}
	}
	return c.askCount(ctx, "join", userQuestion{User: user, Room: room})
}

// LeaveUser makes all sockets of a user in the cluster leave a room and tells them why. It returns how many were in it.
func (c *Nodes) LeaveUser(ctx context.Context, user, room string, why *rule.Error) (count int, err error) {
	if err := c.checkUserRoom(user, room); err != nil {
		return 0, err
	}
	if err := c.Store.Place(ctx, user, room, 0); err != nil {
		return 0, err
	}
	return c.askCount(ctx, "leave", userQuestion{User: user, Room: room, Code: why.Code, Text: why.Message})
}

// DisconnectUser disconnects all sockets of a user in the cluster, in every namespace, and returns how many there were in
// the main one.
func (c *Nodes) DisconnectUser(ctx context.Context, user string) (count int, err error) {
	if err := rule.CheckUser(user); err != nil {
		return 0, rule.BadRequest(err.Error())
	}
	return c.askCount(ctx, "disconnect", userQuestion{User: user})
}

func (c *Nodes) checkUserRoom(user, room string) error {
	if err := rule.CheckUser(user); err != nil {
		return rule.BadRequest(err.Error())
	}
	if err := rule.CheckRoom(room); err != nil {
		return rule.BadRequest(err.Error())
	}
	if strings.HasPrefix(room, rule.UserRooms) {
		return rule.BadRequest(rule.ErrRoomUser.Error())
	}
	return nil
}

// askCount adds up counts. A change that a node may not have made is not answered with success.
func (c *Nodes) askCount(ctx context.Context, kind string, q userQuestion) (count int, err error) {
	missing, err := Ask(ctx, c, kind, q, func(_ string, a countAnswer) { count += a.Count })
	if err == nil && len(missing) > 0 {
		err = store.ErrUnavailable
	}
	return count, err
}

func (c *Nodes) joinHere(q userQuestion) (a countAnswer) {
	for _, cl := range c.ClientsOf(q.User) {
		cl.Put(q.Room)
		a.Count++
	}
	return a
}

func (c *Nodes) leaveHere(q userQuestion) (a countAnswer) {
	for _, cl := range c.ClientsOf(q.User) {
		if cl.Member(q.Room) {
			cl.PutOut(q.Room, &rule.Error{Code: q.Code, Message: q.Text})
			a.Count++
		}
	}
	return a
}

func (c *Nodes) disconnectHere(q userQuestion) (a countAnswer) {
	room := types.NewSet(socket.Room(rule.UserRoom(q.User)))
	a.Count = len(c.ClientsOf(q.User))
	for _, nsp := range c.Opened() {
		opts := &socket.BroadcastOptions{Rooms: room, Except: types.NewSet[socket.Room](), Flags: &socket.BroadcastFlags{Local: true}}
		nsp.Adapter().DisconnectSockets(opts, true)
	}
	return a
}

// Stats are figures of the whole cluster.
type Stats struct {
	Sockets int      // of the main namespace
	Users   int      // who have a socket, each counted on each of their nodes
	Missing []string // nodes that did not answer in time
}

type statsAnswer struct{ Sockets, Users int }

// ClusterStats asks all nodes for their figures.
func (c *Nodes) ClusterStats(ctx context.Context) (s Stats, err error) {
	s.Missing, err = Ask(ctx, c, "stats", struct{}{}, func(_ string, a statsAnswer) {
		s.Sockets += a.Sockets
		s.Users += a.Users
	})
	return s, err
}

func (c *Nodes) statsHere(struct{}) (a statsAnswer) {
	a.Sockets = c.Namespace.Sockets().Len()
	for _, topic := range c.Lanes.Topics() {
		if strings.HasPrefix(topic, rule.UserRooms) {
			a.Users++
		}
	}
	return a
}
