package wire

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// The fields of a stream's entry, as @socket.io/redis-streams-adapter has them.
const (
	fieldUID  = "uid"
	fieldNsp  = "nsp"
	fieldType = "type"
	fieldData = "data"
)

// DefaultStreamMaxLen is how many entries a stream keeps, about.
const DefaultStreamMaxLen = 10_000

// Entry is what one server tells the others in a stream, all of it text: data is JSON or, with
// binary inside, the base64 of MessagePack.
type Entry struct {
	ID                      StreamID // when it was read
	Server, Nsp, Kind, Data string
}

// NewEntry makes the entry of a message.
func NewEntry(uid, nsp string, m *Message) (e Entry, err error) {
	e = Entry{Server: uid, Nsp: nsp, Kind: strconv.Itoa(int(m.Kind))}
	if m.hasBinary() {
		packed, err := appendPackedData(nil, nsp, m)
		e.Data = base64.StdEncoding.EncodeToString(packed)
		return e, err
	}
	text, err := appendTextData(nil, m)
	e.Data = string(text)
	return e, err
}

// ReadEntry reads the fields of an entry; those of others than servers are missing or strange.
func ReadEntry(id string, fields map[string]any) (e Entry, err error) {
	for name, to := range map[string]*string{fieldUID: &e.Server, fieldNsp: &e.Nsp, fieldType: &e.Kind, fieldData: &e.Data} {
		*to, _ = fields[name].(string)
	}
	e.ID, err = ParseStreamID(id)
	return e, err
}

// Command returns the command that puts the entry into a stream of about maxLen entries.
func (e *Entry) Command(stream string, maxLen int) []any {
	return []any{
		"xadd", stream, "maxlen", "~", strconv.Itoa(maxLen), "*",
		fieldUID, e.Server, fieldNsp, e.Nsp, fieldType, e.Kind, fieldData, e.Data,
	}
}

// IsBroadcast reports whether the entry is a broadcast.
func (e *Entry) IsBroadcast() bool { return e.Kind == strconv.Itoa(int(Broadcast)) }

// Size is how many bytes the entry takes, about.
func (e *Entry) Size() int { return len(e.Server) + len(e.Nsp) + len(e.Data) }

// Message returns the message of an entry, which is not decoded yet.
func (e *Entry) Message() (*Message, error) {
	n, err := strconv.Atoi(e.Kind)
	if err != nil {
		return nil, fmt.Errorf("%w: a message of type %.20q", ErrMalformed, e.Kind)
	}
	return &Message{Kind: Kind(n), Server: e.Server, Nsp: e.Nsp, Offset: e.ID.String(), body: &entryBody{text: e.Data}}, nil
}

// entryBody is the data of an entry.
type entryBody struct {
	text string
	frameData
}

func (body *entryBody) decode(m *Message, raw bool) (err error) {
	switch {
	case body.text == "":
	case strings.HasPrefix(body.text, "{"):
		body.frameData, err = readTextData([]byte(body.text))
	default:
		// Node.js takes base64 without padding as well.
		var packed []byte
		packed, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(body.text, "="))
		if err == nil {
			body.frameData, err = readPackedData(packed)
		}
	}
	if err != nil {
		return err
	}
	return body.frameData.decode(m, raw)
}

// StreamOf returns the key of the stream of a namespace, of a number of streams.
func StreamOf(nsp, name string, count int) string {
	if count <= 1 {
		return name
	}
	var hash int32 // with the overflow that it has in Node.js
	for _, unit := range utf16.Encode([]rune(nsp)) {
		hash = hash*31 + int32(unit)
	}
	return name + "-" + strconv.FormatInt(int64(hash)%int64(count), 10)
}
