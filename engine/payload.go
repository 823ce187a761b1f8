package engine

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"

	epacket "github.com/zishang520/socket.io/parsers/engine/v3/packet"
	eparser "github.com/zishang520/socket.io/parsers/engine/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// decodeFrame returns the packet in a WebSocket's frame (Engine.IO protocol: packet encoding).
func decodeFrame(data []byte, binary bool, protocol int) (part, error) {
	switch {
	case binary && protocol == 3:
		if len(data) == 0 || data[0] != packetMessage-'0' {
			return part{}, fmt.Errorf("%w: a binary packet that is no message", ErrPacket)
		}
		return part{body: data[1:], binary: true}, nil
	case binary:
		return part{body: data, binary: true}, nil
	default:
		return decodeText(data, protocol)
	}
}

// decodeText returns the packet in a text, which may be binary in base64.
func decodeText(data []byte, protocol int) (part, error) {
	switch {
	case len(data) == 0:
		return part{}, fmt.Errorf("%w: it is empty", ErrPacket)
	case data[0] != 'b':
		if data[0] < packetOpen || data[0] > packetNoop {
			return part{}, fmt.Errorf("%w: its type is %q", ErrPacket, data[0])
		}
		return part{body: data}, nil
	}
	data = data[1:]
	if protocol == 3 {
		if len(data) == 0 || data[0] != packetMessage {
			return part{}, fmt.Errorf("%w: a binary packet that is no message", ErrPacket)
		}
		data = data[1:]
	}
	content, err := base64.RawStdEncoding.AppendDecode(nil, bytes.TrimRight(data, "=")) // with or without padding
	if err != nil {
		return part{}, fmt.Errorf("%w: base64: %w", ErrPacket, err)
	}
	return part{body: content, binary: true}, nil
}

// decodePayload calls use with each packet in the body of a request (Engine.IO v4: HTTP
// long-polling), after having looked at all of them.
func decodePayload(body []byte, protocol, limit int, use func(part) error) error {
	var parts []part
	add := func(p part, err error) error {
		if err != nil {
			return err
		}
		if parts = append(parts, p); len(parts) > limit {
			return fmt.Errorf("%w: more than %d packets", ErrPacket, limit)
		}
		return nil
	}
	if protocol == 3 {
		if err := decodePayload3(body, add); err != nil {
			return err
		}
	} else {
		for text := range bytes.SplitSeq(body, []byte{separator}) {
			if !validText(text) {
				return fmt.Errorf("%w: not UTF-8", ErrPacket)
			}
			if err := add(decodeText(text, protocol)); err != nil {
				return err
			}
		}
	}
	for _, p := range parts {
		if err := use(p); err != nil {
			return err
		}
	}
	return nil
}

// decodePayload3 is for revision 3, whose payloads have lengths in them and come in a text and a
// binary form. The library knows both.
func decodePayload3(body []byte, add func(part, error) error) error {
	data := types.NewStringBuffer(body)
	if len(body) > 0 && body[0] <= 1 {
		data = types.NewBytesBuffer(body)
	}
	list, err := eparser.Parserv3().DecodePayload(data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPacket, err)
	}
	if len(list) == 0 {
		return fmt.Errorf("%w: no packet", ErrPacket)
	}
	for _, p := range list {
		if err := add(fromLibrary(p)); err != nil {
			return err
		}
	}
	return nil
}

// fromLibrary returns a packet of the library's parser.
func fromLibrary(p *epacket.Packet) (part, error) {
	kind, ok := eparser.PACKET_TYPES[p.Type]
	if !ok {
		return part{}, fmt.Errorf("%w: type %s", ErrPacket, p.Type)
	}
	var content []byte
	if p.Data != nil {
		var err error
		if content, err = io.ReadAll(p.Data); err != nil {
			return part{}, fmt.Errorf("%w: %w", ErrPacket, err)
		}
	}
	if _, text := p.Data.(*types.StringBuffer); text || p.Data == nil {
		return part{body: append([]byte{kind}, content...)}, nil
	}
	return part{body: content, binary: true}, nil
}

// toLibrary appends a message's packets as the library's parser wants them.
func (m *Message) toLibrary(list []*epacket.Packet) []*epacket.Packet {
	for _, p := range m.parts {
		if p.binary {
			list = append(list, &epacket.Packet{Type: epacket.MESSAGE, Data: types.NewBytesBuffer(p.body)})
			continue
		}
		list = append(list, &epacket.Packet{Type: packetNames[p.body[0]], Data: types.NewStringBuffer(p.body[1:])})
	}
	return list
}

// payload is the body of an answer.
type payload struct {
	body   []byte
	binary bool
	err    error
	sent   []*Message // to be told when the answer is written
}

// encodePayload makes the answer of messages for a request. base64 has binary in a text.
func encodePayload(messages []*Message, protocol int, base64 bool) payload {
	if protocol != 3 {
		var body []byte
		for _, m := range messages {
			body = m.appendPayload(body)
		}
		return payload{body: body, sent: messages}
	}
	var list []*epacket.Packet
	for _, m := range messages {
		list = m.toLibrary(list)
	}
	data, err := eparser.Parserv3().EncodePayload(list, !base64)
	if err != nil {
		return payload{err: err}
	}
	_, text := data.(*types.StringBuffer)
	return payload{body: data.Bytes(), binary: !text, sent: messages}
}

// closePayload is the answer to a request of a session that has ended.
func closePayload(protocol int) payload {
	return encodePayload([]*Message{newPacket(packetClose, "")}, protocol, true)
}
