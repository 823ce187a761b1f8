package chat

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"chorus/codec"
)

// maxRoomName is how many bytes the name of a room has at most.
const maxRoomName = 255

var (
	errRoomName = fmt.Errorf("the name of a room is a text of 1 to %d bytes", maxRoomName)
	errRoomText = errors.New("the name of a room is not well-formed Unicode")
	errRoomID   = errors.New("the name of a room may not look like the id of a socket, as 20 letters, digits, - and _ do")
)

// onlyRoomOf returns the name of a room that is the only argument of an event.
func onlyRoomOf(event string, args []any) (string, error) {
	if len(args) != 1 {
		return "", fmt.Errorf("%s takes exactly one value, the name of a room", event)
	}
	return roomOf(event, args)
}

// roomOf returns the name of a room that is the first argument of an event. The error is fit for a client.
func roomOf(event string, args []any) (string, error) {
	room, err := codec.Arg[string](event, args, 0)
	switch {
	case err != nil || room == "" || len(room) > maxRoomName:
		return "", errRoomName
	case !utf8.ValidString(room) || strings.ContainsRune(room, utf8.RuneError):
		// JSON with half a surrogate pair is read as U+FFFD: several names would be one.
		return "", errRoomText
	case isSocketID(room):
		return "", errRoomID
	}
	return room, nil
}

// isSocketID tells names that may be those of the private room that each socket has: who joins it hears
// what is meant for one client, who publishes to it speaks to one client. They are 20 characters of
// base64url for sockets of Node.js servers and of Socket.IO 2.x clients, and for others 18 bytes in
// base64url, of which the last eight are a number in sequence. Of this only the first three bytes are
// looked at, which stay zero for the first 10^12 sockets: 24 hexadecimal digits, as of an ObjectID of
// MongoDB, are no such name.
func isSocketID(name string) bool {
	const idOfNode, idOfGo = 15, 18
	id, err := base64.RawURLEncoding.DecodeString(name)
	switch {
	case err != nil || base64.RawURLEncoding.EncodedLen(len(id)) != len(name): // it skips line breaks
		return false
	case len(id) == idOfNode:
		return true
	}
	return len(id) == idOfGo && id[10] == 0 && id[11] == 0 && id[12] == 0
}
