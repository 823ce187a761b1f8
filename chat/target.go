package chat

import (
	"encoding/base64"
	"fmt"
	"slices"

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
		return badRequest(fmt.Sprintf("at most %d rooms", MaxTargetRooms))
	case len(t.Users) > MaxTargetUsers || len(t.Sockets) > MaxTargetUsers:
		return badRequest(fmt.Sprintf("at most %d users, and as many sockets", MaxTargetUsers))
	}
	for _, room := range t.Rooms {
		if err := CheckRoom(room); err != nil {
			return badRequest(err.Error())
		}
	}
	for _, user := range t.Users {
		if err := CheckUser(user); err != nil {
			return badRequest(err.Error())
		}
	}
	for _, id := range t.Sockets {
		if !IsSocketID(id) {
			return badRequest("this is not the id of a socket")
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
		rooms = append(rooms, socket.Room(userRoom(user)))
	}
	for _, id := range t.Sockets {
		rooms = append(rooms, socket.Room(id))
	}
	return rooms
}

// CheckRoom returns why a program may not name a room so, nil when it may.
func CheckRoom(name string) error {
	switch err := checkRoom(name); {
	case err != nil:
		return err
	case name[:1] == talkSign:
		return errRoomTalk
	case isGoSocketID(name):
		return errRoomID
	}
	return nil
}

// CheckUser returns why a text cannot be the id of a user, nil when it can.
func CheckUser(id string) error {
	if id == "" || checkRoom(userRoom(id)) != nil {
		return errUserID
	}
	return nil
}

// IsSocketID reports whether a text has the form of the id of a socket.
func IsSocketID(id string) bool {
	decoded, err := base64.RawURLEncoding.DecodeString(id)
	return err == nil && base64.RawURLEncoding.EncodedLen(len(decoded)) == len(id) && (len(decoded) == 15 || len(decoded) == 18)
}

// isGoSocketID reports whether a text is, or may be, the id of a socket of a node.
func isGoSocketID(name string) bool {
	id, err := base64.RawURLEncoding.DecodeString(name)
	return err == nil && base64.RawURLEncoding.EncodedLen(len(id)) == len(name) && len(id) == 18 && id[10] == 0 && id[11] == 0 && id[12] == 0
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

// IsMessageID reports whether a text has the form of the id of a message.
func IsMessageID(id string) bool { return messageID.MatchString(id) }
