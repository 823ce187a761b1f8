// Package msgpack converts values between Go, JSON and MessagePack in the meaning that they have for JavaScript: for
// clients of Node.js servers, which write and read the same messages.
package msgpack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// MaxDepth bounds the nesting of values in both directions: decoding is recursive, and a message
// of nothing but array headers must not exhaust the stack.
const MaxDepth = 256

var (
	// ErrMalformed is part of each error about a value that makes no sense where it stands.
	ErrMalformed = errors.New("malformed message")
	// ErrTruncated means that a value lacks its end.
	ErrTruncated = errors.New("ends in the middle of a value")
	errTooDeep   = fmt.Errorf("more than %d levels deep", MaxDepth)
)

// Believed is for how many values memory is taken before they come: the length that a header announces
// may be any.
const Believed = 32

// jsDate is how JSON.stringify writes a Date, which is what clients of a Node.js server see.
const jsDate = "2006-01-02T15:04:05.000Z"

// Append appends v as MessagePack in the meaning that its JSON has: a client behind another
// node must get what a client of this node gets. Whole numbers go as integers, binary as bin.
func Append(b []byte, v any, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return b, errTooDeep
	}
	switch v := v.(type) {
	case nil:
		return msgp.AppendNil(b), nil
	case bool:
		return msgp.AppendBool(b, v), nil
	case string:
		return msgp.AppendString(b, v), nil
	case int:
		return msgp.AppendInt(b, v), nil
	case int64:
		return msgp.AppendInt64(b, v), nil
	case uint64:
		return msgp.AppendUint64(b, v), nil
	case float64:
		return appendFloat(b, v), nil
	case json.RawMessage:
		b, _, err := FromJSON(b, v, depth)
		return b, err
	case []byte:
		return msgp.AppendBytes(b, v), nil
	case *types.StringBuffer:
		return msgp.AppendString(b, v.String()), nil
	case types.BufferInterface:
		return msgp.AppendBytes(b, v.Bytes()), nil
	case []any:
		return appendArray(b, v, depth)
	case map[string]any:
		return appendMap(b, v, depth)
	default:
		return appendOther(b, v, depth)
	}
}

func appendArray(b []byte, values []any, depth int) ([]byte, error) {
	b = msgp.AppendArrayHeader(b, uint32(len(values))) //nolint:gosec // there are never that many
	for _, value := range values {
		var err error
		if b, err = Append(b, value, depth+1); err != nil {
			return b, err
		}
	}
	return b, nil
}

func appendMap(b []byte, values map[string]any, depth int) ([]byte, error) {
	b = msgp.AppendMapHeader(b, uint32(len(values)))       //nolint:gosec // as above
	for _, key := range slices.Sorted(maps.Keys(values)) { // as the parser has them for clients of this node
		var err error
		b = msgp.AppendString(b, key)
		if b, err = Append(b, values[key], depth+1); err != nil {
			return b, err
		}
	}
	return b, nil
}

// appendFloat writes a whole number as an integer where every one of them has its float64: JavaScript
// has one number type, and a peer tells integers from floats by the encoding. What JSON cannot say
// becomes nil.
func appendFloat(b []byte, f float64) []byte {
	const maxSafeInteger = 1<<53 - 1 // as in JavaScript
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return msgp.AppendNil(b)
	case f == 0 && math.Signbit(f):
		return msgp.AppendFloat64(b, f)
	case f == math.Trunc(f) && math.Abs(f) <= maxSafeInteger:
		return msgp.AppendInt64(b, int64(f))
	default:
		return msgp.AppendFloat64(b, f)
	}
}

// appendOther writes any other Go value as what encoding/json makes of it.
func appendOther(b []byte, v any, depth int) ([]byte, error) {
	text, err := json.Marshal(v)
	if err == nil {
		b, _, err = FromJSON(b, text, depth)
	}
	if err != nil {
		return b, fmt.Errorf("a value of type %T cannot be sent: %w", v, err)
	}
	return b, nil
}

// Drained returns data with every reader in it replaced by its content. The library's encoder
// empties the readers that it meets, so a packet that is encoded twice needs this first.
func Drained(data any) (any, error) {
	switch v := data.(type) {
	case *types.StringBuffer:
		return v.String(), nil
	case types.BufferInterface:
		return bytes.Clone(v.Bytes()), nil
	case *strings.Reader:
		text, err := io.ReadAll(v)
		return string(text), err
	case io.Reader:
		return io.ReadAll(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			var err error
			if out[i], err = Drained(item); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			var err error
			if out[key], err = Drained(item); err != nil {
				return nil, err
			}
		}
		return out, nil
	default:
		return data, nil
	}
}

// Read reads one MessagePack value and returns the bytes after it. Integers become int64 or
// uint64 and keep every digit; bin becomes []byte, which the Socket.IO encoder sends as an
// attachment; a timestamp becomes the text that JSON.stringify makes of a Date; see extensionValue for others.
func Read(b []byte, depth int) (any, []byte, error) {
	if depth > MaxDepth {
		return nil, b, errTooDeep
	}
	switch msgp.NextType(b) {
	case msgp.NilType:
		rest, err := msgp.ReadNilBytes(b)
		return nil, rest, err
	case msgp.BoolType:
		return read(msgp.ReadBoolBytes(b))
	case msgp.StrType:
		return read(msgp.ReadStringBytes(b))
	case msgp.BinType:
		return read(msgp.ReadBytesBytes(b, nil))
	case msgp.IntType:
		return read(msgp.ReadInt64Bytes(b))
	case msgp.UintType:
		return read(msgp.ReadUint64Bytes(b))
	case msgp.Float32Type, msgp.Float64Type:
		f, rest, err := msgp.ReadFloat64Bytes(b)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, rest, err // what JSON.stringify makes of it
		}
		return f, rest, err
	case msgp.ArrayType:
		return readArray(b, depth)
	case msgp.MapType:
		return readMap(b, depth)
	case msgp.InvalidType:
		return nil, b, ErrTruncated
	default:
		return extensionValue(b)
	}
}

func read[T any](v T, rest []byte, err error) (any, []byte, error) { return v, rest, err }

func readArray(b []byte, depth int) (any, []byte, error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, b, err
	}
	if uint64(n) > uint64(len(rest)) { // each value takes at least one byte
		return nil, b, ErrTruncated
	}
	values := make([]any, 0, min(n, Believed))
	for range n {
		var value any
		if value, rest, err = Read(rest, depth+1); err != nil {
			return nil, b, err
		}
		values = append(values, value)
	}
	return values, rest, nil
}

func readMap(b []byte, depth int) (any, []byte, error) {
	n, rest, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, b, err
	}
	if uint64(n)*2 > uint64(len(rest)) {
		return nil, b, ErrTruncated
	}
	values := make(map[string]any, min(n, Believed))
	for range n {
		var key string
		if key, rest, err = ReadKey(rest); err != nil {
			return nil, b, err
		}
		if IsUndefined(rest) {
			delete(values, key)
			rest = rest[undefinedSize:]
			continue
		}
		if values[key], rest, err = Read(rest, depth+1); err != nil {
			return nil, b, err
		}
	}
	return values, rest, nil
}

// Fields walks a MessagePack map and hands the value that follows each key to field, which
// returns the bytes after it.
func Fields(b []byte, field func(key string, b []byte) ([]byte, error)) ([]byte, error) {
	n, rest, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return b, err
	}
	for range n {
		var key string
		if key, rest, err = ReadKey(rest); err != nil {
			return b, err
		}
		if rest, err = field(key, rest); err != nil {
			return b, fmt.Errorf("%s: %w", key, err)
		}
	}
	return rest, nil
}
