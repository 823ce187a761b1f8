// Package payload makes and reads the bodies of HTTP long-polling: packets joined to one body, content codings, JSONP.
package payload

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"unicode/utf8"

	"chorus/engine/message"

	epacket "github.com/zishang520/socket.io/parsers/engine/v3/packet"
	eparser "github.com/zishang520/socket.io/parsers/engine/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Decode calls use with each packet in the body of a request (Engine.IO v4: HTTP
// long-polling), after having looked at all of them.
func Decode(body []byte, protocol, limit int, use func(message.Packet) error) error {
	var parts []message.Packet
	add := func(p message.Packet, err error) error {
		if err != nil {
			return err
		}
		if parts = append(parts, p); len(parts) > limit {
			return fmt.Errorf("%w: more than %d packets", message.ErrPacket, limit)
		}
		return nil
	}
	if protocol == 3 {
		if err := decode3(body, add); err != nil {
			return err
		}
	} else {
		for text := range bytes.SplitSeq(body, []byte{separator}) {
			if !utf8.Valid(text) {
				return fmt.Errorf("%w: not UTF-8", message.ErrPacket)
			}
			if err := add(message.DecodeText(text, protocol)); err != nil {
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

// decode3 is for revision 3, whose payloads have lengths in them and come in a text and a
// binary form. The library knows both.
func decode3(body []byte, add func(message.Packet, error) error) error {
	data := types.NewStringBuffer(body)
	if len(body) > 0 && body[0] <= 1 {
		data = types.NewBytesBuffer(body)
	}
	list, err := eparser.Parserv3().DecodePayload(data)
	if err != nil {
		return fmt.Errorf("%w: %w", message.ErrPacket, err)
	}
	if len(list) == 0 {
		return fmt.Errorf("%w: no packet", message.ErrPacket)
	}
	for _, p := range list {
		if err := add(fromLibrary(p)); err != nil {
			return err
		}
	}
	return nil
}

// fromLibrary returns a packet of the library's parser.
func fromLibrary(p *epacket.Packet) (message.Packet, error) {
	kind, ok := eparser.PACKET_TYPES[p.Type]
	if !ok {
		return message.Packet{}, fmt.Errorf("%w: type %s", message.ErrPacket, p.Type)
	}
	var content []byte
	if p.Data != nil {
		var err error
		if content, err = io.ReadAll(p.Data); err != nil {
			return message.Packet{}, fmt.Errorf("%w: %w", message.ErrPacket, err)
		}
	}
	if _, text := p.Data.(*types.StringBuffer); text || p.Data == nil {
		return message.Packet{Body: append([]byte{kind}, content...)}, nil
	}
	return message.Packet{Body: content, Binary: true}, nil
}

// toLibrary appends a message's packets as the library's parser wants them.
func toLibrary(list []*epacket.Packet, m *message.Message) []*epacket.Packet {
	for _, p := range m.Packets() {
		kind, content := byte(message.TypeMessage), p.Body
		if !p.Binary {
			kind, content = p.Body[0], p.Body[1:]
		}
		list = append(list, LibraryPacket(kind, content, p.Binary))
	}
	return list
}

var packetNames = map[byte]epacket.Type{
	message.TypeOpen: epacket.OPEN, message.TypeClose: epacket.CLOSE, message.TypePing: epacket.PING, message.TypePong: epacket.PONG,
	message.TypeMessage: epacket.MESSAGE, message.TypeUpgrade: epacket.UPGRADE, message.TypeNoop: epacket.NOOP,
}

// LibraryPacket returns a packet as the library has it. It refers to data.
func LibraryPacket(kind byte, data []byte, binary bool) *epacket.Packet {
	if binary {
		return &epacket.Packet{Type: packetNames[kind], Data: types.NewBytesBuffer(data)}
	}
	return &epacket.Packet{Type: packetNames[kind], Data: types.NewStringBuffer(data)}
}

// Payload is the body of an answer.
type Payload struct {
	Body     []byte
	Binary   bool
	Err      error
	Messages []*message.Message // to be told when the answer is written
}

// Encode makes the answer of messages for a request. asText has binary as base64.
func Encode(messages []*message.Message, protocol int, asText bool) Payload {
	if protocol != 3 {
		var body []byte
		for _, m := range messages {
			body = appendPackets(body, m.Packets())
		}
		return Payload{Body: body, Messages: messages}
	}
	var list []*epacket.Packet
	for _, m := range messages {
		list = toLibrary(list, m)
	}
	data, err := eparser.Parserv3().EncodePayload(list, !asText)
	if err != nil {
		return Payload{Err: err}
	}
	_, text := data.(*types.StringBuffer)
	return Payload{Body: data.Bytes(), Binary: !text, Messages: messages}
}

// separator stands between the packets of a payload (Engine.IO v4: HTTP long-polling).
const separator = 0x1e

// appendPackets appends packets to a payload of Engine.IO 4.
func appendPackets(b []byte, packets []message.Packet) []byte {
	for _, p := range packets {
		if len(b) > 0 {
			b = append(b, separator)
		}
		if p.Binary {
			b = base64.StdEncoding.AppendEncode(append(b, 'b'), p.Body)
			continue
		}
		b = append(b, p.Body...)
	}
	return b
}

// Close is the answer to a request of a session that has ended.
func Close(protocol int) Payload {
	return Encode([]*message.Message{message.NewPacket(message.TypeClose, "")}, protocol, true)
}
