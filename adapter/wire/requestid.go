package wire

import (
	"encoding/json"
	"math"
	"strconv"

	"chorus/adapter/wire/msgpack"

	"github.com/tinylib/msgp/msgp"
)

// requestID names a request in its answers. Node.js servers look answers up in a Map, where 7 and "7" are two keys,
// so an answer to a request with a number has the number.
type requestID struct {
	text    string
	numeric bool
}

// Answer returns the beginning of an answer to a request.
func (m *Message) Answer(kind Kind) Message {
	return Message{Kind: kind, RequestID: m.RequestID, numericID: m.numericID}
}

func (m *Message) id() requestID { return requestID{m.RequestID, m.numericID} }

func (m *Message) setID(id requestID) { m.RequestID, m.numericID = id.text, id.numeric }

// readRequestID reads the id of a request, which may be missing: see msgpack.ReadName.
func readRequestID(b []byte) (requestID, []byte, error) {
	text, rest, err := msgpack.ReadName(b)
	id := requestID{text: text}
	switch msgp.NextType(b) {
	case msgp.IntType, msgp.UintType:
		id.numeric = true
	case msgp.Float32Type, msgp.Float64Type:
		f, _, _ := msgp.ReadFloat64Bytes(b)              // msgpack.ReadName has read it
		id.numeric = !math.IsNaN(f) && !math.IsInf(f, 0) // JSON cannot say these
	}
	return id, rest, err
}

// append appends the id as MessagePack.
func (id requestID) append(b []byte) []byte {
	if !id.numeric {
		return msgp.AppendString(b, id.text)
	}
	if whole, err := strconv.ParseInt(id.text, 10, 64); err == nil {
		return msgp.AppendInt64(b, whole)
	}
	f, _ := strconv.ParseFloat(id.text, 64) // the text is that of a number
	return msgp.AppendFloat64(b, f)
}

// UnmarshalJSON implements json.Unmarshaler.
func (id *requestID) UnmarshalJSON(text []byte) error {
	packed, _, err := msgpack.FromJSON(nil, text, 0)
	if err == nil {
		*id, _, err = readRequestID(packed)
	}
	return err
}

// MarshalJSON implements json.Marshaler.
func (id requestID) MarshalJSON() ([]byte, error) {
	if id.numeric {
		return []byte(id.text), nil
	}
	return json.Marshal(id.text)
}
