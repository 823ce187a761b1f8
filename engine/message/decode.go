package message

import (
	"bytes"
	"encoding/base64"
	"fmt"
)

// DecodeFrame returns the packet in a WebSocket's frame (Engine.IO protocol: packet encoding).
func DecodeFrame(data []byte, binary bool, protocol int) (Packet, error) {
	switch {
	case binary && protocol == 3:
		if len(data) == 0 || data[0] != TypeMessage-'0' {
			return Packet{}, fmt.Errorf("%w: a binary packet that is no message", ErrPacket)
		}
		return Packet{Body: data[1:], Binary: true}, nil
	case binary:
		return Packet{Body: data, Binary: true}, nil
	default:
		return DecodeText(data, protocol)
	}
}

// DecodeText returns the packet in a text, which may be binary in base64.
func DecodeText(data []byte, protocol int) (Packet, error) {
	switch {
	case len(data) == 0:
		return Packet{}, fmt.Errorf("%w: it is empty", ErrPacket)
	case data[0] != 'b':
		if data[0] < TypeOpen || data[0] > TypeNoop {
			return Packet{}, fmt.Errorf("%w: its type is %q", ErrPacket, data[0])
		}
		return Packet{Body: data}, nil
	}
	data = data[1:]
	if protocol == 3 {
		if len(data) == 0 || data[0] != TypeMessage {
			return Packet{}, fmt.Errorf("%w: a binary packet that is no message", ErrPacket)
		}
		data = data[1:]
	}
	content, err := base64.RawStdEncoding.AppendDecode(nil, bytes.TrimRight(data, "=")) // with or without padding
	if err != nil {
		return Packet{}, fmt.Errorf("%w: base64: %w", ErrPacket, err)
	}
	return Packet{Body: content, Binary: true}, nil
}
