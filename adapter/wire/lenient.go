package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Emitters in other languages write less exactly than Node.js servers do: PHP has no empty map, Lua has
// floats only. This file reads their values as a Node.js server does, which means as JavaScript converts
// them: `new Set(x || [])`, `x || {}`, property names.

// readKey reads a value as the name of a property, which is a string in JavaScript.
func readKey(b []byte) (string, []byte, error) {
	switch msgp.NextType(b) {
	case msgp.StrType:
		return msgp.ReadStringBytes(b)
	case msgp.IntType:
		i, rest, err := msgp.ReadInt64Bytes(b)
		return strconv.FormatInt(i, 10), rest, err
	case msgp.UintType:
		u, rest, err := msgp.ReadUint64Bytes(b)
		return strconv.FormatUint(u, 10), rest, err
	case msgp.Float32Type, msgp.Float64Type:
		f, rest, err := msgp.ReadFloat64Bytes(b)
		return nameOfNumber(f), rest, err
	case msgp.BoolType:
		v, rest, err := msgp.ReadBoolBytes(b)
		return strconv.FormatBool(v), rest, err
	case msgp.NilType:
		return "null", b[1:], nil
	case msgp.BinType:
		v, rest, err := msgp.ReadBytesZC(b)
		return string(v), rest, err
	case msgp.InvalidType:
		return "", b, errTruncated
	default:
		rest, err := msgp.Skip(b)
		return "[object Object]", rest, err
	}
}

// nameOfNumber returns what JavaScript's String returns for a number.
func nameOfNumber(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		return "0"
	default:
		return string(appendJSNumber(nil, f))
	}
}

// readName reads a name that may be missing: nil is none.
func readName(b []byte) (string, []byte, error) {
	if msgp.IsNil(b) {
		return "", b[1:], nil
	}
	if isUndefined(b) {
		return "", b[undefinedSize:], nil
	}
	return readKey(b)
}

// readWhole reads a number that must be whole: a float counts as what it stands for.
func readWhole(b []byte) (int64, []byte, error) {
	switch msgp.NextType(b) {
	case msgp.Float32Type, msgp.Float64Type:
		f, rest, err := msgp.ReadFloat64Bytes(b)
		if err == nil && (f != math.Trunc(f) || math.Abs(f) > 1<<53) {
			err = fmt.Errorf("%w: %v is not a whole number", ErrMalformed, f)
		}
		return int64(f), rest, err
	default:
		return msgp.ReadInt64Bytes(b)
	}
}

// readTruth reads a value as a condition.
func readTruth(b []byte) (bool, []byte, error) {
	rest, err := msgp.Skip(b)
	return err == nil && !isFalsy(b), rest, err
}

// isFalsy reports whether a value counts as false: nil, undefined, false, 0, NaN, and the empty string.
func isFalsy(b []byte) bool {
	switch msgp.NextType(b) {
	case msgp.NilType:
		return true
	case msgp.BoolType:
		v, _, err := msgp.ReadBoolBytes(b)
		return err == nil && !v
	case msgp.StrType:
		v, _, err := msgp.ReadStringZC(b)
		return err == nil && len(v) == 0
	case msgp.IntType, msgp.UintType, msgp.Float32Type, msgp.Float64Type:
		v, _, err := readValue(b, 0)
		f, ok := asFloat(v) // NaN is none
		return err == nil && (!ok || f == 0)
	default:
		return isUndefined(b)
	}
}

// readRooms reads rooms that select sockets, as `new Set(x || [])` does. A Node.js room may be a number: it
// is one room with its decimal text.
func readRooms(b []byte) ([]socket.Room, []byte, error) {
	switch {
	case msgp.NextType(b) == msgp.ArrayType:
		return readRoomList(b)
	case isFalsy(b):
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
	case msgp.IsNil(b), isUndefined(b):
		rest, err := msgp.Skip(b)
		return nil, rest, err
	default:
		name, rest, err := readKey(b)
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
		return nil, b, errTruncated
	}
	rooms := make([]socket.Room, 0, min(n, believed))
	var texts map[socket.Room]struct{} // made for the first number: mostly there is none
	for range n {
		number := msgp.NextType(rest) != msgp.StrType
		var name string
		if name, rest, err = readKey(rest); err != nil {
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

// roomList is a list of rooms in JSON: see readRooms.
type roomList []socket.Room

// UnmarshalJSON implements json.Unmarshaler.
func (l *roomList) UnmarshalJSON(text []byte) error { return l.read(text, readRooms) }

func (l *roomList) read(text []byte, read func([]byte) ([]socket.Room, []byte, error)) error {
	packed, _, err := appendRaw(nil, text, 0)
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

// looseName is a name in JSON: see readName.
type looseName string

// UnmarshalJSON implements json.Unmarshaler.
func (n *looseName) UnmarshalJSON(text []byte) error {
	packed, _, err := appendRaw(nil, text, 0)
	if err == nil {
		var name string
		name, _, err = readName(packed)
		*n = looseName(name)
	}
	return err
}

// looseBool is a condition in JSON: see readTruth.
type looseBool bool

// UnmarshalJSON implements json.Unmarshaler.
func (v *looseBool) UnmarshalJSON(text []byte) error {
	packed, _, err := appendRaw(nil, text, 0)
	if err == nil {
		var truth bool
		truth, _, err = readTruth(packed)
		*v = looseBool(truth)
	}
	return err
}

// UnmarshalJSON implements json.Unmarshaler: see readWhole.
func (t *messageType) UnmarshalJSON(text []byte) error {
	packed, _, err := appendRaw(nil, text, 0)
	if err == nil {
		var n int64
		n, _, err = readWhole(packed)
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
