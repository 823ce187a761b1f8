package wire

import (
	"encoding/json"
	"fmt"
	"slices"

	"chorus/adapter/wire/msgpack"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// This file reads rooms, names and conditions of emitters in other languages as a Node.js server does:
// `new Set(x || [])`. See package msgpack.

// ReadRooms reads rooms that select sockets, as `new Set(x || [])` does. A Node.js room may be a number: it
// is one room with its decimal text.
func ReadRooms(b []byte) ([]socket.Room, []byte, error) {
	switch {
	case msgp.NextType(b) == msgp.ArrayType:
		return readRoomList(b)
	case msgpack.IsFalsy(b):
		rest, err := msgp.Skip(b)
		return []socket.Room{}, rest, err
	case msgp.NextType(b) == msgp.StrType:
		text, rest, err := msgp.ReadStringBytes(b)
		return charactersOf(text), rest, err
	default:
		return nil, b, fmt.Errorf("%w: rooms that are no list", ErrMalformed)
	}
}

// charactersOf returns the characters of a text, which are the members of a JavaScript Set that is made of it.
func charactersOf(text string) []socket.Room {
	rooms := make([]socket.Room, 0, len(text))
	for _, r := range text {
		rooms = append(rooms, socket.Room(r))
	}
	return rooms
}

// readTargets reads the rooms that sockets join or leave: a list, or one room.
func readTargets(b []byte) ([]socket.Room, []byte, error) {
	switch {
	case msgp.NextType(b) == msgp.ArrayType:
		return readRoomList(b)
	case msgp.IsNil(b), msgpack.IsUndefined(b):
		rest, err := msgp.Skip(b)
		return nil, rest, err
	default:
		name, rest, err := msgpack.ReadKey(b)
		return []socket.Room{socket.Room(name)}, rest, err
	}
}

// readRoomList reads a list of rooms. A number that follows its text is the same room.
func readRoomList(b []byte) ([]socket.Room, []byte, error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, b, err
	}
	if uint64(n) > uint64(len(rest)) {
		return nil, b, msgpack.ErrTruncated
	}
	rooms := make([]socket.Room, 0, min(n, msgpack.Believed))
	var texts map[socket.Room]struct{} // made for the first number: mostly there is none
	for range n {
		number := msgp.NextType(rest) != msgp.StrType
		var name string
		if name, rest, err = msgpack.ReadKey(rest); err != nil {
			return nil, b, err
		}
		if number {
			if texts == nil {
				texts = setOf(rooms)
			}
			if _, twice := texts[socket.Room(name)]; twice {
				continue
			}
		}
		rooms = append(rooms, socket.Room(name))
		if texts != nil {
			texts[socket.Room(name)] = struct{}{}
		}
	}
	return rooms, rest, nil
}

func setOf(rooms []socket.Room) map[socket.Room]struct{} {
	set := make(map[socket.Room]struct{}, len(rooms))
	for _, room := range rooms {
		set[room] = struct{}{}
	}
	return set
}

// The same in JSON.

// roomList is a list of rooms in JSON: see ReadRooms.
type roomList []socket.Room

// UnmarshalJSON implements json.Unmarshaler.
func (l *roomList) UnmarshalJSON(text []byte) error { return l.read(text, ReadRooms) }

func (l *roomList) read(text []byte, read func([]byte) ([]socket.Room, []byte, error)) error {
	packed, _, err := msgpack.FromJSON(nil, text, 0)
	if err == nil {
		*l, _, err = read(packed)
	}
	return err
}

// targetList is a list of rooms to join or leave in JSON: see readTargets.
type targetList []socket.Room

// UnmarshalJSON implements json.Unmarshaler.
func (l *targetList) UnmarshalJSON(text []byte) error { return (*roomList)(l).read(text, readTargets) }

// MarshalJSON implements json.Marshaler.
func (l targetList) MarshalJSON() ([]byte, error) { return roomList(l).MarshalJSON() }

// looseName is a name in JSON: see msgpack.ReadName.
type looseName string

// UnmarshalJSON implements json.Unmarshaler.
func (n *looseName) UnmarshalJSON(text []byte) error {
	packed, _, err := msgpack.FromJSON(nil, text, 0)
	if err == nil {
		var name string
		name, _, err = msgpack.ReadName(packed)
		*n = looseName(name)
	}
	return err
}

// looseBool is a condition in JSON: see msgpack.ReadTruth.
type looseBool bool

// UnmarshalJSON implements json.Unmarshaler.
func (v *looseBool) UnmarshalJSON(text []byte) error {
	packed, _, err := msgpack.FromJSON(nil, text, 0)
	if err == nil {
		var truth bool
		truth, _, err = msgpack.ReadTruth(packed)
		*v = looseBool(truth)
	}
	return err
}

// UnmarshalJSON implements json.Unmarshaler: see msgpack.ReadWhole.
func (t *messageType) UnmarshalJSON(text []byte) error {
	packed, _, err := msgpack.FromJSON(nil, text, 0)
	if err == nil {
		var n int64
		n, _, err = msgpack.ReadWhole(packed)
		*t = messageType(n)
	}
	return err
}

// UnmarshalJSON implements json.Unmarshaler. What is no object has no members.
func (o *requestOptions) UnmarshalJSON(text []byte) error {
	if !isJSON(text) {
		o.none = slices.Contains([]string{`""`, "false", "0"}, string(text))
		return nil
	}
	var fields struct {
		Rooms, Except selection
	}
	err := json.Unmarshal(text, &fields)
	o.Rooms, o.Except = fields.Rooms, fields.Except
	return err
}
