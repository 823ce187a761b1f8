package msgpack

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// The extension types of MessagePack as notepack.io reads them, which Node.js servers use: those of its
// version 2 (redis-adapter 7 and before, socket.io-redis, redis-emitter 4) and timestamps.

const (
	extCustom    = 0  // undefined, a Date or an ArrayBuffer of notepack.io 2, by the size
	extTimestamp = -1 // of the MessagePack specification
)

// undefinedSize is how many bytes undefined takes.
const undefinedSize = 3

// IsUndefined reports whether a value is the undefined of JavaScript.
func IsUndefined(b []byte) bool { return len(b) >= undefinedSize && b[0] == 0xd4 && b[1] == extCustom }

// readExtension reads the type and the bytes of an extension; fixed is whether its size is that of its
// first byte.
func readExtension(b []byte) (kind int8, data, rest []byte, fixed bool, err error) {
	head, size := 0, 0
	switch c := b[0]; {
	case c >= 0xd4 && c <= 0xd8:
		head, size, fixed = 2, 1<<(c-0xd4), true
	case c == 0xc7 && len(b) > 1:
		head, size = 3, int(b[1])
	case c == 0xc8 && len(b) > 2:
		head, size = 4, int(binary.BigEndian.Uint16(b[1:]))
	case c == 0xc9 && len(b) > 4:
		head, size = 6, int(binary.BigEndian.Uint32(b[1:]))
	default:
		return 0, nil, b, false, ErrTruncated
	}
	if len(b) < head || size > len(b)-head {
		return 0, nil, b, false, ErrTruncated
	}
	return int8(b[head-1]), b[head : head+size], b[head+size:], fixed, nil //nolint:gosec // a byte with a sign
}

// extensionValue returns what an extension stands for, nil for undefined. One of an unknown type is the
// list of its type and its bytes.
func extensionValue(b []byte) (value any, rest []byte, err error) {
	kind, data, rest, fixed, err := readExtension(b)
	if err != nil {
		return nil, b, err
	}
	switch {
	case kind == extCustom && fixed && len(data) == 1:
		return nil, rest, nil
	case kind == extCustom && fixed && len(data) == 8:
		return dateOf(float64(int64(binary.BigEndian.Uint64(data)))), rest, nil //nolint:gosec // with a sign
	case kind == extCustom && !fixed:
		return append([]byte{}, data...), rest, nil
	case kind == extTimestamp && fixed && len(data) == 4:
		return dateOf(float64(binary.BigEndian.Uint32(data)) * 1e3), rest, nil
	case kind == extTimestamp && fixed && len(data) == 8:
		v := binary.BigEndian.Uint64(data)
		const secondBits = 34
		return dateOf(float64(v&(1<<secondBits-1))*1e3 + math.Trunc(float64(v>>secondBits)/1e6)), rest, nil
	case kind == extTimestamp && len(data) == 12:
		seconds := int64(binary.BigEndian.Uint64(data[4:])) //nolint:gosec // with a sign
		return dateOf(float64(seconds)*1e3 + float64(binary.BigEndian.Uint32(data))/1e6), rest, nil
	default:
		return []any{int64(kind), append([]byte{}, data...)}, rest, nil
	}
}

// dateOf returns how JSON.stringify writes a Date, of milliseconds: nil for one that is out of range.
func dateOf(ms float64) any {
	const largest = 8.64e15 // of a Date
	ms = math.Trunc(ms)
	if math.IsNaN(ms) || math.Abs(ms) > largest {
		return nil
	}
	t := time.UnixMilli(int64(ms)).UTC()
	if year := t.Year(); year < 0 || year > 9999 {
		return fmt.Sprintf("%+07d", year) + t.Format(jsDate[len("2006"):])
	}
	return t.Format(jsDate)
}
