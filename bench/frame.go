package bench

import (
	"encoding/binary"
	"fmt"
)

// Opcodes (RFC 6455 section 5.2).
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xa
)

// maxFrame bounds a frame of a server: what it announces is what we would wait for.
const maxFrame = 2 * maxPayload

// nextFrame returns the first frame of a chunk and the size it takes there: 0 when not all of it
// is there yet. The payload is a part of the chunk.
func nextFrame(chunk []byte) (op byte, payload []byte, size int, err error) {
	if len(chunk) < 2 {
		return 0, nil, 0, nil
	}
	if chunk[0]&0xf0 != 0x80 || chunk[0]&0xf == 0 {
		return 0, nil, 0, fmt.Errorf("%w: a frame begins with %#x: it is fragmented or compressed", ErrProtocol, chunk[0])
	}
	header, length := 2, uint64(chunk[1])
	switch {
	case length > 127:
		return 0, nil, 0, fmt.Errorf("%w: a server's frame is masked", ErrProtocol)
	case length == 126:
		if header = 4; len(chunk) < header {
			return 0, nil, 0, nil
		}
		length = uint64(binary.BigEndian.Uint16(chunk[2:]))
	case length == 127:
		if header = 10; len(chunk) < header {
			return 0, nil, 0, nil
		}
		length = binary.BigEndian.Uint64(chunk[2:])
	}
	if length > maxFrame {
		return 0, nil, 0, fmt.Errorf("%w: a frame of %d bytes", ErrProtocol, length)
	}
	if size = header + int(length); size > len(chunk) { //nolint:gosec // at most maxFrame
		return 0, nil, 0, nil
	}
	return chunk[0] & 0xf, chunk[header:size], size, nil
}

// appendFrame appends a client's frame, masked with the key (RFC 6455 section 5.3).
func appendFrame(dst []byte, op byte, payload []byte, key [4]byte) []byte {
	dst = append(dst, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n)) //nolint:gosec // less than 1<<16
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	dst = append(dst, key[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	for i, masked := 0, dst[start:]; i < len(masked); i++ {
		masked[i] ^= key[i&3]
	}
	return dst
}
