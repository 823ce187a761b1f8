package rule

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"chorus/codec"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// maxRoomName is how many bytes the name of a room has at most.
const maxRoomName = 255

// ErrUserID, ErrRoomUser and the others say what is wrong with a name.
var (
	errRoomName = fmt.Errorf("the name of a room is a text of 1 to %d bytes without control characters, or a number", maxRoomName)
	errRoomText = errors.New("the name of a room is not well-formed Unicode")
	errRoomDots = errors.New("the name of a room may not be dots alone")
	errRoomID   = errors.New("the name of a room may not be the id of a socket")
	errRoomTalk = errors.New("the name of a room may not begin with @, which is for conversations of two: name the user")
	ErrUserID   = errors.New("the id of a user is a text of 1 to 250 bytes without control characters")
	ErrRoomUser = errors.New("only the sockets of a user are in its room")
)

// RoomOf returns the name of a room that is the first argument of a request. A number is the room of its text, as
// everywhere in this project.
func RoomOf(nsp socket.Namespace, event string, args []any) (string, error) {
	name, err := roomName(event, args)
	if err != nil {
		return "", BadRequest(err.Error())
	}
	if isSocketID(nsp, name) {
		return "", BadRequest(errRoomID.Error())
	}
	return name, nil
}

func roomName(event string, args []any) (string, error) {
	given, err := codec.Arg[any](event, args, 0)
	if err != nil {
		return "", errRoomName
	}
	name, ok := given.(string)
	if number, isNumber := given.(json.Number); isNumber {
		name, ok = numberText(number), true
	}
	if !ok {
		return "", errRoomName
	}
	return name, CheckName(name)
}

// CheckName returns why a text cannot be the name of a room, nil when it can.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > maxRoomName:
		return errRoomName
	case !utf8.ValidString(name) || strings.ContainsRune(name, utf8.RuneError):
		// JSON with half a surrogate pair is read as U+FFFD: several names would be one.
		return errRoomText
	case strings.ContainsFunc(name, unicode.IsControl):
		return errRoomName
	case name == "." || name == "..":
		return errRoomDots
	}
	return nil
}

// numberText is what JavaScript makes of a number as a text.
func numberText(number json.Number) string {
	value, err := number.Float64()
	switch size := math.Abs(value); {
	case err != nil:
		return number.String()
	case value == 0:
		return "0"
	case size < 1e-6 || size >= 1e21:
		text := strconv.FormatFloat(value, 'e', -1, 64)
		text = strings.Replace(text, "e-0", "e-", 1)
		return strings.Replace(text, "e+0", "e+", 1)
	}
	return strconv.FormatFloat(value, 'f', -1, 64)
}

// isSocketID reports whether name is, or may be, the id of a socket. Each socket has a room of that name: who joins it
// hears what is meant for one client.
//
// The sockets of this node are known. For those of other Go nodes the form decides: 18 bytes in base64url, the last
// eight a number in sequence, of which the first three bytes stay zero for the first 10^12 sockets. 24 hexadecimal
// digits, as an ObjectID has them, are no such name. Ids of Node.js servers are 20 characters of base64url, as many
// names are that clients choose (Firestore); the last three bytes are a number in sequence, so only a name with a small
// number there is looked up in the cluster.
func isSocketID(nsp socket.Namespace, name string) bool {
	if _, here := nsp.Sockets().Load(socket.SocketId(name)); here {
		return true
	}
	const idOfNode, idOfGo = 15, 18
	id, err := base64.RawURLEncoding.DecodeString(name)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(id)) != len(name) { // it skips line breaks
		return false
	}
	switch len(id) {
	case idOfGo:
		return id[10] == 0 && id[11] == 0 && id[12] == 0
	case idOfNode:
		return id[12] < 4 && isRemoteSocket(nsp, name)
	}
	return false
}

// isRemoteSocket asks the other servers for a socket. Without an answer it assumes that there is one.
func isRemoteSocket(nsp socket.Namespace, id string) bool {
	found := make(chan bool, 1)
	nsp.In(socket.Room(id)).FetchSockets()(func(sockets []*socket.RemoteSocket, err error) {
		is := err != nil
		for _, s := range sockets {
			is = is || string(s.Id()) == id
		}
		found <- is
	})
	return <-found
}

// CheckRoom returns why a program may not name a room so, nil when it may.
func CheckRoom(name string) error {
	switch err := CheckName(name); {
	case err != nil:
		return err
	case name[:1] == TalkSign:
		return errRoomTalk
	case isGoSocketID(name):
		return errRoomID
	}
	return nil
}

// CheckUser returns why a text cannot be the id of a user, nil when it can.
func CheckUser(id string) error {
	if id == "" || CheckName(UserRoom(id)) != nil {
		return ErrUserID
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
