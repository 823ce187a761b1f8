package message

import (
	"fmt"
	"slices"

	"chorus/chat/rule"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Target says for which clients something is. Its kinds may be mixed: a socket of several hears it once.
type Target struct {
	Everyone bool     // all clients of the main namespace
	Rooms    []string // clients in any of these rooms
	Users    []string // all sockets of these users
	Sockets  []string // by their ids
}

// Bounds of a Target.
const (
	MaxTargetRooms = 100
	MaxTargetUsers = 1000 // and sockets
)

// isEmpty reports whether a target names nobody.
func (t *Target) isEmpty() bool {
	return !t.Everyone && len(t.Rooms)+len(t.Users)+len(t.Sockets) == 0
}

// check returns what is wrong with a target.
func (t *Target) check() error {
	switch {
	case len(t.Rooms) > MaxTargetRooms:
		return rule.BadRequest(fmt.Sprintf("at most %d rooms", MaxTargetRooms))
	case len(t.Users) > MaxTargetUsers || len(t.Sockets) > MaxTargetUsers:
		return rule.BadRequest(fmt.Sprintf("at most %d users, and as many sockets", MaxTargetUsers))
	}
	for _, room := range t.Rooms {
		if err := rule.CheckRoom(room); err != nil {
			return rule.BadRequest(err.Error())
		}
	}
	for _, user := range t.Users {
		if err := rule.CheckUser(user); err != nil {
			return rule.BadRequest(err.Error())
		}
	}
	for _, id := range t.Sockets {
		if !rule.IsSocketID(id) {
			return rule.BadRequest("this is not the id of a socket")
		}
	}
	return nil
}

// rooms returns the rooms of the server that have the clients of a target, but for everyone.
func (t *Target) rooms() []socket.Room {
	rooms := make([]socket.Room, 0, len(t.Rooms)+len(t.Users)+len(t.Sockets))
	for _, room := range t.Rooms {
		rooms = append(rooms, socket.Room(room))
	}
	for _, user := range t.Users {
		rooms = append(rooms, socket.Room(rule.UserRoom(user)))
	}
	for _, id := range t.Sockets {
		rooms = append(rooms, socket.Room(id))
	}
	return rooms
}

// toRooms is a broadcast to some rooms, or to everybody without one.
func toRooms(rooms, except []socket.Room) *socket.BroadcastOptions {
	return &socket.BroadcastOptions{Rooms: types.NewSet(rooms...), Except: types.NewSet(except...)}
}

// unique returns a list without its repetitions.
func unique(list []string) []string {
	var kept []string
	seen := make(map[string]bool, len(list))
	for _, item := range list {
		if !seen[item] {
			seen[item] = true
			kept = append(kept, item)
		}
	}
	return slices.Clip(kept)
}

// roomNames returns rooms as texts.
func roomNames(rooms []socket.Room) []string {
	var names []string
	for _, room := range rooms {
		names = append(names, string(room))
	}
	return names
}

// keysOf returns the members of a set, which may be nil.
func keysOf(set *types.Set[socket.Room]) []socket.Room {
	if set == nil {
		return nil
	}
	return set.Keys()
}
