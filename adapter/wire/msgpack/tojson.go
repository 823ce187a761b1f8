package msgpack

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"

	"chorus/codec"

	"github.com/tinylib/msgp/msgp"
)

// errBinary stops the way to JSON, which has no binary.
var errBinary = errors.New("binary")

// ReadRaw reads one MessagePack value as json.RawMessage, or as Read does when there is binary in
// it. The text takes of memory, of which ReadRaw returns what is left, as long as that is enough.
func ReadRaw(memory, b []byte, depth int) (value any, rest, left []byte, err error) {
	text, rest, err := ToJSON(memory[:0], b, depth)
	if errors.Is(err, errBinary) {
		value, rest, err = Read(b, depth)
		return value, rest, memory, err
	}
	if err != nil {
		return nil, b, memory, err
	}
	n := len(text)
	return json.RawMessage(text[:n:n]), rest, text[n:], nil
}

// ToJSON appends a MessagePack value as JSON, in one pass, and returns the bytes after it. It
// takes what Read takes, and writes what the parser would make of that: integers with every
// digit, NaN and the infinities as null, names in their order.
func ToJSON(out, b []byte, depth int) (text, rest []byte, err error) {
	if depth > MaxDepth {
		return out, b, errTooDeep
	}
	switch msgp.NextType(b) {
	case msgp.NilType:
		return append(out, "null"...), b[1:], nil
	case msgp.BoolType:
		v, rest, err := msgp.ReadBoolBytes(b)
		return strconv.AppendBool(out, v), rest, err
	case msgp.StrType:
		s, rest, err := msgp.ReadStringZC(b)
		if err != nil {
			return out, b, err
		}
		return codec.AppendText(out, s), rest, nil
	case msgp.BinType:
		return out, b, errBinary
	case msgp.IntType:
		i, rest, err := msgp.ReadInt64Bytes(b)
		return strconv.AppendInt(out, i, 10), rest, err
	case msgp.UintType:
		u, rest, err := msgp.ReadUint64Bytes(b)
		return strconv.AppendUint(out, u, 10), rest, err
	case msgp.Float32Type, msgp.Float64Type:
		f, rest, err := msgp.ReadFloat64Bytes(b)
		return appendJSNumber(out, f), rest, err
	case msgp.ArrayType:
		return appendJSONArray(out, b, depth)
	case msgp.MapType:
		return appendJSONObject(out, b, depth)
	case msgp.InvalidType:
		return out, b, ErrTruncated
	default:
		value, rest, err := extensionValue(b)
		switch value := value.(type) {
		case nil:
			return append(out, "null"...), rest, err
		case string:
			return codec.AppendText(out, value), rest, err
		default:
			return out, b, errBinary
		}
	}
}

func appendJSONArray(out, b []byte, depth int) (text, rest []byte, err error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return out, b, err
	}
	out = append(out, '[')
	for i := range n { // however large: each value takes at least one byte of rest
		if i > 0 {
			out = append(out, ',')
		}
		if out, rest, err = ToJSON(out, rest, depth+1); err != nil {
			return out, b, err
		}
	}
	return append(out, ']'), rest, nil
}

func appendJSONObject(out, b []byte, depth int) (text, rest []byte, err error) {
	n, rest, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return out, b, err
	}
	out = append(out, '{')
	first := len(out)
	for range n {
		start := len(out)
		if start > first {
			out = append(out, ',')
		}
		if out, rest, err = appendJSONName(out, rest); err != nil {
			return out, b, err
		}
		if IsUndefined(rest) {
			out, rest = out[:start], rest[undefinedSize:]
			continue
		}
		out = append(out, ':')
		if out, rest, err = ToJSON(out, rest, depth+1); err != nil {
			return out, b, err
		}
	}
	return append(out, '}'), rest, nil
}

// appendJSONName appends a map key; see ReadKey.
func appendJSONName(out, b []byte) (text, rest []byte, err error) {
	if msgp.NextType(b) == msgp.StrType {
		s, rest, err := msgp.ReadStringZC(b)
		if err != nil {
			return out, b, err
		}
		return codec.AppendText(out, s), rest, nil
	}
	key, rest, err := ReadKey(b)
	if err != nil {
		return out, b, err
	}
	return codec.AppendText(out, key), rest, nil
}

// appendJSNumber appends a number as JSON.stringify writes it (ECMAScript: Number::toString), but for
// negative zero, which keeps its sign.
func appendJSNumber(b []byte, f float64) []byte {
	const fixedFrom, fixedBelow = 1e-6, 1e21
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	if abs := math.Abs(f); f == 0 || fixedFrom <= abs && abs < fixedBelow {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); b[n-4] == 'e' && b[n-2] == '0' { // e-09 is e-9
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

// PlainJSON decodes JSON as encoding/json does, but keeps a number that is beyond a float64 as
// json.Number instead of giving all of it up.
func PlainJSON(text []byte) (any, error) {
	var value any
	err := json.Unmarshal(text, &value)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); !ok {
		return value, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&value)
	return WithFloats(value), err
}

// WithFloats makes a float64 of every number that is one.
func WithFloats(value any) any {
	switch v := value.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return f
		}
	case int64, uint64:
		f, _ := Float(v)
		return f
	case []any:
		for i := range v {
			v[i] = WithFloats(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = WithFloats(v[key])
		}
	}
	return value
}

// Float returns a number as a float64.
func Float(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, true
	default:
		return 0, false
	}
}
