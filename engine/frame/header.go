package frame

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// parseHeader reads the header of a frame (RFC 6455 section 5.2) and returns its size, 0 when it is not complete.
// ws.ReadHeader allocates for each frame, since it reads from an interface.
func parseHeader(b []byte) (h ws.Header, size int, err error) {
	if len(b) < 2 {
		return h, 0, nil
	}
	h.Fin, h.Rsv, h.OpCode = b[0]&0x80 != 0, b[0]&0x70>>4, ws.OpCode(b[0]&0x0f)
	h.Masked, h.Length = b[1]&0x80 != 0, int64(b[1]&0x7f)
	size = 2
	switch h.Length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	end := size
	if h.Masked {
		end += len(h.Mask)
	}
	if len(b) < end {
		return h, 0, nil
	}
	switch size {
	case 4:
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
	case 10:
		if b[2]&0x80 != 0 {
			return h, 0, ws.ErrHeaderLengthMSB
		}
		h.Length = int64(binary.BigEndian.Uint64(b[2:])) //nolint:gosec // the highest bit is not set
	}
	copy(h.Mask[:], b[size:end])
	return h, end, nil
}

// AppendHeader appends the header of a frame of a server, which is not masked.
func AppendHeader(b []byte, op ws.OpCode, compressed bool, n int) []byte {
	first := 0x80 | byte(op)
	if compressed {
		first |= 0x40 // RSV1 (RFC 7692 section 6)
	}
	switch {
	case n < 126:
		return append(b, first, byte(n))
	case n < 1<<16:
		return append(b, first, 126, byte(n>>8), byte(n))
	default:
		return append(b, first, 127, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
}
