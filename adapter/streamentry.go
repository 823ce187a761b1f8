package adapter

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// The fields of a stream's entry, as @socket.io/redis-streams-adapter has them.
const (
	fieldUID  = "uid"
	fieldNsp  = "nsp"
	fieldType = "type"
	fieldData = "data"
)

// streamEntry is what one server tells the others in a stream, all of it text: data is JSON or, with
// binary inside, the base64 of MessagePack.
type streamEntry struct {
	id                   streamID // when it was read
	uid, nsp, kind, data string
}

// newStreamEntry makes the entry of a message.
func newStreamEntry(uid, nsp string, m *clusterMessage) (e streamEntry, err error) {
	e = streamEntry{uid: uid, nsp: nsp, kind: strconv.Itoa(int(m.kind))}
	if m.hasBinary() {
		packed, err := appendPackedData(nil, nsp, m)
		e.data = base64.StdEncoding.EncodeToString(packed)
		return e, err
	}
	text, err := appendTextData(nil, m)
	e.data = string(text)
	return e, err
}

// readStreamEntry reads the fields of an entry; those of others than servers are missing or strange.
func readStreamEntry(id string, fields map[string]any) (e streamEntry, err error) {
	for name, to := range map[string]*string{fieldUID: &e.uid, fieldNsp: &e.nsp, fieldType: &e.kind, fieldData: &e.data} {
		*to, _ = fields[name].(string)
	}
	e.id, err = parseStreamID(id)
	return e, err
}

// size is how many bytes the entry takes, about.
func (e *streamEntry) size() int { return len(e.uid) + len(e.nsp) + len(e.data) }

// frame reads what the entry says.
func (e *streamEntry) frame() (f clusterFrame, err error) {
	f = clusterFrame{uid: e.uid, nsp: e.nsp}
	n, err := strconv.Atoi(e.kind)
	if err != nil {
		return f, fmt.Errorf("%w: a message of type %.20q", errMalformed, e.kind)
	}
	f.kind = kind(n)
	switch {
	case e.data == "":
	case strings.HasPrefix(e.data, "{"):
		f.data, err = readTextData([]byte(e.data))
	default:
		// Node.js takes base64 without padding as well.
		var packed []byte
		packed, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(e.data, "="))
		if err == nil {
			f.data, err = readPackedData(packed)
		}
	}
	return f, err
}
