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

// opUnfinished is set in the opcode of a frame behind which more of its message follows (RFC 6455 section 5.4). On the wire
// the bit is the other way round.
const opUnfinished = 0x80

func isControl(op byte) bool { return op&0x8 != 0 }

// assembly puts the fragments of a message together.
type assembly struct {
	op    byte // of the message, without opUnfinished; 0 between messages
	parts []byte
}

// add takes a frame, and returns the message that ends with it, or false when more of the message follows. Control frames
// may come between fragments. The payload is valid until the next call.
func (a *assembly) add(op byte, payload []byte) (byte, []byte, bool, error) {
	begins := op&0xf != 0
	switch {
	case isControl(op) || (begins && op&opUnfinished == 0 && a.op == 0):
		return op, payload, true, nil
	case begins != (a.op == 0):
		return 0, nil, false, fmt.Errorf("%w: fragments that are not in order", ErrProtocol)
	case begins:
		a.op, a.parts = op&^opUnfinished, a.parts[:0]
	}
	if a.parts = append(a.parts, payload...); len(a.parts) > maxFrame {
		return 0, nil, false, fmt.Errorf("%w: a message of more than %d bytes in fragments", ErrProtocol, maxFrame)
	}
	if op&opUnfinished != 0 {
		return 0, nil, false, nil
	}
	op, a.op = a.op, 0
	return op, a.parts, true, nil
}

// maxFrame bounds a frame of a server: what it announces is what we would wait for.
const maxFrame = 2 * maxPayload

// nextFrame returns the first frame of a chunk and the size it takes there: 0 when not all of it
// is there yet. The payload is a part of the chunk. The opcode has opDeflated if the message is compressed, and
// opUnfinished if more of it follows.
func nextFrame(chunk []byte) (op byte, payload []byte, size int, err error) {
	if len(chunk) < 2 {
		return 0, nil, 0, nil
	}
	op = chunk[0] ^ opUnfinished
	if plain := op&(opDeflated|opUnfinished) == 0; op&0x30 != 0 || (isControl(op) && !plain) || (op&^opUnfinished == opDeflated) {
		return 0, nil, 0, fmt.Errorf("%w: a frame begins with %#x", ErrProtocol, chunk[0])
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
	return op, chunk[header:size], size, nil
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
