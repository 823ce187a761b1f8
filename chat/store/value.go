package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"chorus/codec"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// values turns values into bytes for the store and back. JSON is kept as it was sent. A value with attachments is kept
// as the frames of a packet, each with its length before it.
var values = codec.New(codec.Options{})

var errAttachments = &TooLargeError{Limit: maxAttachments, What: fmt.Sprintf("a value has at most %d attachments", maxAttachments)}

var errUnreadable = errors.New("chat: a value of the store cannot be read")

// EncodeValue returns the bytes of a value, and whether it has attachments.
func EncodeValue(value any) (data []byte, attach bool, err error) {
	if raw, ok := value.(json.RawMessage); ok {
		return raw, false, nil
	}
	frames := values.NewEncoder().Encode(&parser.Packet{Type: parser.EVENT, Nsp: "/", Data: []any{"v", value}})
	if len(frames) == 0 {
		return nil, false, ErrValue
	}
	if len(frames) == 1 {
		text := frames[0].Bytes() // 2["v",VALUE]
		return text[len(`2["v",`) : len(text)-1], false, nil
	}
	if len(frames) > 1+maxAttachments {
		return nil, false, errAttachments
	}
	for _, frame := range frames {
		data = binary.AppendUvarint(data, uint64(frame.Len())) //nolint:gosec // a length is not negative
		data = append(data, frame.Bytes()...)
	}
	return data, true, nil
}

// DecodeValue returns the value of these bytes, to be sent to clients.
func DecodeValue(data []byte, attach bool) (any, error) {
	if !attach {
		return json.RawMessage(data), nil
	}
	var value any
	err := errUnreadable
	decoder := values.NewDecoder()
	defer decoder.Destroy()
	_ = decoder.On("decoded", func(args ...any) {
		if packet, ok := args[0].(*parser.Packet); ok {
			if list, ok := packet.Data.([]any); ok && len(list) == 2 {
				value, err = list[1], nil
			}
		}
	})
	for first := true; len(data) > 0; first = false {
		size, n := binary.Uvarint(data)
		if n <= 0 || size > uint64(len(data)-n) { //nolint:gosec // n is at most the length
			return nil, errUnreadable
		}
		frame := data[n : n+int(size)] //nolint:gosec // it is within the data
		data = data[n+int(size):]      //nolint:gosec // as above
		var fault error
		if first {
			fault = decoder.Add(types.NewStringBuffer(frame))
		} else {
			fault = decoder.Add(types.NewBytesBuffer(frame))
		}
		if fault != nil {
			return nil, fault
		}
	}
	return value, err
}

// Digest tells one value from another.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
