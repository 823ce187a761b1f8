package session

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"chorus/adapter/wire"
	"chorus/adapter/wire/msgpack"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// record is what a client gets back that returns after its connection broke.
type record struct {
	Sid  socket.SocketId
	Pid  socket.PrivateSessionId
	Data any
	// rooms, and the message after which the client has joined each: what came before is not for it.
	Rooms map[socket.Room]wire.StreamID

	// What Node.js servers do not write.
	Holder string        // the server that has the client, or had it last
	Owner  string        // whose session it is
	Nsp    string        // the namespace
	Start  wire.StreamID // the last message before the client connected
	At     wire.StreamID // the last message that was handled when this was written
	Last   wire.StreamID // the last of those up to there that may have been for the client
	Turn   uint64        // how often the client has come back
	Own    []socket.Room // which it has joined by itself, see MarkOwn
	Ours   bool          // all of that is there

	Text string // as it is stored
}

// maxSessionBytes bounds a record: one that is larger is not kept.
const maxSessionBytes = 64 << 10

var errSessionSize = errors.New("adapter: the data and the rooms of a client are too large to be kept")

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
func (r *record) encode() (string, error) {
	rooms := slices.Sorted(maps.Keys(r.Rooms))
	b := appendHolder(nil, r.Holder)
	b = msgp.AppendString(msgp.AppendString(b, "sid"), string(r.Sid))
	b = msgp.AppendString(msgp.AppendString(b, "pid"), string(r.Pid))
	b = wire.AppendRooms(msgp.AppendString(b, "rooms"), rooms)
	b, err := appendSessionData(msgp.AppendString(b, "data"), r.Data)
	if err != nil {
		return "", err
	}
	b = msgp.AppendString(msgp.AppendString(b, "owner"), r.Owner)
	b = msgp.AppendString(msgp.AppendString(b, "nsp"), r.Nsp)
	b = msgp.AppendString(msgp.AppendString(b, "start"), r.Start.String())
	b = msgp.AppendString(msgp.AppendString(b, "at"), r.At.String())
	b = msgp.AppendString(msgp.AppendString(b, "last"), r.Last.String())
	b = msgp.AppendUint64(msgp.AppendString(b, "turn"), r.Turn)
	b = wire.AppendRooms(msgp.AppendString(b, "own"), r.Own)
	later := slices.DeleteFunc(rooms, func(room socket.Room) bool { return r.Rooms[room] == r.Start })
	b = msgp.AppendMapHeader(msgp.AppendString(b, "since"), uint32(len(later))) //nolint:gosec // there are never that many
	for _, room := range later {
		b = msgp.AppendString(msgp.AppendString(b, string(room)), r.Rooms[room].String())
	}
	if base64.StdEncoding.EncodedLen(len(b)) > maxSessionBytes {
		return "", errSessionSize
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// appendSessionData writes the data of a socket.
func appendSessionData(b []byte, data any) ([]byte, error) {
	if parser.HasBinary(data) {
		return msgpack.Append(b, data, 1)
	}
	text, err := json.Marshal(data)
	if err != nil {
		return b, err
	}
	b, _, err = msgpack.FromJSON(b, text, 1)
	return b, err
}

// readRecord reads a record of this or of a Node.js server.
func readRecord(text string) (*record, error) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, err
	}
	r := &record{Text: text}
	var rooms []socket.Room
	since := make(map[socket.Room]wire.StreamID)
	_, err = msgpack.Fields(b, func(key string, b []byte) ([]byte, error) {
		var err error
		switch key {
		case "sid":
			b, err = readStringTo(&r.Sid, b)
		case "pid":
			b, err = readStringTo(&r.Pid, b)
		case "by":
			b, err = readStringTo(&r.Holder, b)
		case "owner":
			r.Ours = true
			b, err = readStringTo(&r.Owner, b)
		case "nsp":
			b, err = readStringTo(&r.Nsp, b)
		case "start":
			r.Start, b, err = readStreamID(b)
		case "at":
			r.At, b, err = readStreamID(b)
		case "last":
			r.Last, b, err = readStreamID(b)
		case "turn":
			r.Turn, b, err = msgp.ReadUint64Bytes(b)
		case "rooms":
			rooms, b, err = wire.ReadRooms(b)
		case "own":
			r.Own, b, err = wire.ReadRooms(b)
		case "since":
			return msgpack.Fields(b, func(room string, b []byte) ([]byte, error) {
				since[socket.Room(room)], b, err = readStreamID(b)
				return b, err
			})
		case "data":
			var data any
			if data, b, _, err = msgpack.ReadRaw(nil, b, 1); err == nil {
				r.Data, err = msgpack.Plain(data)
			}
		default:
			return msgp.Skip(b)
		}
		return b, err
	})
	if err == nil && (r.Sid == "" || r.Pid == "" || !slices.Contains(rooms, socket.Room(r.Sid))) {
		err = fmt.Errorf("%w: a session without an id", wire.ErrMalformed)
	}
	if err != nil {
		return nil, err
	}
	r.Rooms = make(map[socket.Room]wire.StreamID, len(rooms))
	for _, room := range rooms {
		r.Rooms[room] = r.Start
		if id, later := since[room]; later {
			r.Rooms[room] = id
		}
	}
	return r, nil
}

func readStringTo[T ~string](to *T, b []byte) ([]byte, error) {
	text, rest, err := msgp.ReadStringBytes(b)
	*to = T(text)
	return rest, err
}

func readStreamID(b []byte) (wire.StreamID, []byte, error) {
	text, rest, err := msgp.ReadStringBytes(b)
	if err != nil {
		return wire.StreamID{}, b, err
	}
	id, err := wire.ParseStreamID(text)
	return id, rest, err
}
