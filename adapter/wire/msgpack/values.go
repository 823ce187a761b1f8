package msgpack

import (
	"encoding/json"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
)

// Argument returns a value for a server-side event, or an answer to one, as it travels: its JSON, or
// the value itself when there is binary in it.
func Argument(v any) (any, error) {
	if parser.HasBinary(v) {
		return Drained(v)
	}
	text, err := json.Marshal(v)
	return json.RawMessage(text), err
}

// Plain is what handlers get of that.
func Plain(v any) (any, error) {
	if text, ok := v.(json.RawMessage); ok {
		return PlainJSON(text)
	}
	return WithFloats(v), nil
}

// Repeatable returns a packet that can be encoded more than once.
func Repeatable(packet *parser.Packet) (*parser.Packet, error) {
	if !parser.HasBinary(packet.Data) {
		return packet, nil
	}
	data, err := Drained(packet.Data)
	if err != nil {
		return nil, err
	}
	repeat := *packet
	repeat.Data = data
	return &repeat, nil
}
