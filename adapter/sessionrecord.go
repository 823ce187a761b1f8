package adapter

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// sessionRecord is what a client gets back that returns after its connection broke.
type sessionRecord struct {
	sid  socket.SocketId
	pid  socket.PrivateSessionId
	data any
	// rooms, and the message after which the client has joined each: what came before is not for it.
	rooms map[socket.Room]streamID

	// What Node.js servers do not write.
	holder string        // the server that has the client, or had it last
	owner  string        // whose session it is
	nsp    string        // the namespace
	start  streamID      // the last message before the client connected
	at     streamID      // the last message that was handled when this was written
	last   streamID      // the last of those up to there that may have been for the client
	turn   uint64        // how often the client has come back
	own    []socket.Room // which it has joined by itself, see MarkOwn
	ours   bool          // all of that is there

	text string // as it is stored
}

// maxSessionBytes bounds a record: one that is larger is not kept.
const maxSessionBytes = 64 << 10

var errSessionSize = errors.New("adapter: the data and the rooms of a client are too large to be kept")

// claimsKey is the member of a socket's data that a client does not get back: its claims are those of the
// token with which it comes. They are written for Node.js servers, which do not look at a token then.
const claimsKey = "decoded"

// heldBy is how the text of every record of a holder begins: its first member is {by: holder}, of 16
// characters, and that ends with a group of base64. Redis compares it, which cannot read the rest.
func heldBy(holder string) string {
	return base64.StdEncoding.EncodeToString(appendHolder(nil, holder))
}

const sessionFields = 13

func appendHolder(b []byte, holder string) []byte {
	b = msgp.AppendMapHeader(b, sessionFields)
	return msgp.AppendString(msgp.AppendString(b, "by"), holder)
}

// encode writes the record as base64 of MessagePack {sid, pid, rooms, data}, which is all that Node.js
// servers look at, and more.
func (r *sessionRecord) encode() (string, error) {
	rooms := slices.Sorted(maps.Keys(r.rooms))
	b := appendHolder(nil, r.holder)
	b = msgp.AppendString(msgp.AppendString(b, "sid"), string(r.sid))
	b = msgp.AppendString(msgp.AppendString(b, "pid"), string(r.pid))
	b = appendRooms(msgp.AppendString(b, "rooms"), rooms)
	b, err := appendSessionData(msgp.AppendString(b, "data"), r.data)
	if err != nil {
		return "", err
	}
	b = msgp.AppendString(msgp.AppendString(b, "owner"), r.owner)
	b = msgp.AppendString(msgp.AppendString(b, "nsp"), r.nsp)
	b = msgp.AppendString(msgp.AppendString(b, "start"), r.start.String())
	b = msgp.AppendString(msgp.AppendString(b, "at"), r.at.String())
	b = msgp.AppendString(msgp.AppendString(b, "last"), r.last.String())
	b = msgp.AppendUint64(msgp.AppendString(b, "turn"), r.turn)
	b = appendRooms(msgp.AppendString(b, "own"), r.own)
	later := slices.DeleteFunc(rooms, func(room socket.Room) bool { return r.rooms[room] == r.start })
	b = msgp.AppendMapHeader(msgp.AppendString(b, "since"), uint32(len(later))) //nolint:gosec // there are never that many
	for _, room := range later {
		b = msgp.AppendString(msgp.AppendString(b, string(room)), r.rooms[room].String())
	}
	if base64.StdEncoding.EncodedLen(len(b)) > maxSessionBytes {
		return "", errSessionSize
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// appendSessionData writes the data of a socket.
func appendSessionData(b []byte, data any) ([]byte, error) {
	if parser.HasBinary(data) {
		return appendValue(b, data, 1)
	}
	text, err := json.Marshal(data)
	if err != nil {
		return b, err
	}
	b, _, err = appendRaw(b, text, 1)
	return b, err
}

// readSession reads a record of this or of a Node.js server.
func readSession(text string) (*sessionRecord, error) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, err
	}
	r := &sessionRecord{text: text}
	var rooms []socket.Room
	since := make(map[socket.Room]streamID)
	_, err = eachField(b, func(key string, b []byte) ([]byte, error) {
		var err error
		switch key {
		case "sid":
			b, err = readStringTo(&r.sid, b)
		case "pid":
			b, err = readStringTo(&r.pid, b)
		case "by":
			b, err = readStringTo(&r.holder, b)
		case "owner":
			r.ours = true
			b, err = readStringTo(&r.owner, b)
		case "nsp":
			b, err = readStringTo(&r.nsp, b)
		case "start":
			r.start, b, err = readStreamID(b)
		case "at":
			r.at, b, err = readStreamID(b)
		case "last":
			r.last, b, err = readStreamID(b)
		case "turn":
			r.turn, b, err = msgp.ReadUint64Bytes(b)
		case "rooms":
			rooms, b, err = readRooms(b)
		case "own":
			r.own, b, err = readRooms(b)
		case "since":
			return eachField(b, func(room string, b []byte) ([]byte, error) {
				since[socket.Room(room)], b, err = readStreamID(b)
				return b, err
			})
		case "data":
			var data any
			if data, b, _, err = readRaw(nil, b, 1); err == nil {
				r.data, err = plain(data)
			}
		default:
			return msgp.Skip(b)
		}
		return b, err
	})
	if err == nil && (r.sid == "" || r.pid == "" || !slices.Contains(rooms, socket.Room(r.sid))) {
		err = fmt.Errorf("%w: a session without an id", errMalformed)
	}
	if err != nil {
		return nil, err
	}
	r.rooms = make(map[socket.Room]streamID, len(rooms))
	for _, room := range rooms {
		r.rooms[room] = r.start
		if id, later := since[room]; later {
			r.rooms[room] = id
		}
	}
	return r, nil
}

func readStringTo[T ~string](to *T, b []byte) ([]byte, error) {
	text, rest, err := msgp.ReadStringBytes(b)
	*to = T(text)
	return rest, err
}

func readStreamID(b []byte) (streamID, []byte, error) {
	text, rest, err := msgp.ReadStringBytes(b)
	if err != nil {
		return streamID{}, b, err
	}
	id, err := parseStreamID(text)
	return id, rest, err
}
