package codec_test

import (
	"encoding/json"
	"io"
	"testing"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
)

// plain returns a packet's data as what the library's own parser makes of it.
func plain(t *testing.T, data any) any {
	t.Helper()
	switch v := data.(type) {
	case json.RawMessage:
		var value any
		if err := json.Unmarshal(v, &value); err != nil {
			t.Fatal(err)
		}
		return value
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			t.Fatal(err)
		}
		return f
	case io.Reader:
		content, err := io.ReadAll(v)
		if err != nil {
			t.Fatal(err)
		}
		return content
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(t, v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			out[key] = plain(t, v[key])
		}
		return out
	default:
		return data
	}
}

// notForStock are the packets that the library's own parser has no way to say, and why.
var notForStock = map[string]string{
	"event named by number":  "it keeps the name as a number",
	"event with a large id":  "it takes ids of 19 digits",
	"numbers":                "it has no 1e400",
	"binary, none announced": "its decoder refuses text for ever after",
}

// What one parser writes, the other reads.
func TestStockParser(t *testing.T) {
	stock := parser.NewParser()
	for name, c := range packets {
		t.Run(name, func(t *testing.T) {
			if reason, ok := notForStock[name]; ok {
				t.Skip("the library's own parser cannot: " + reason)
			}
			packet := decode(t, ours, c.frames...)
			want := plain(t, packet.Data)
			theirs := decode(t, stock, encode(ours.NewEncoder(), packet)...)
			requireEqual(t, plain(t, theirs.Data), want)
			if theirs.Nsp != packet.Nsp || (theirs.Id == nil) != (packet.Id == nil) || theirs.Id != nil && *theirs.Id != *packet.Id {
				t.Errorf("got %+v, want %+v", theirs, packet)
			}

			// Theirs again, as a program would send it: their encoder takes the plain types only.
			again := parser.Packet{Type: packet.Type, Nsp: packet.Nsp, Id: packet.Id, Data: want}
			switch packet.Type {
			case parser.BINARY_EVENT:
				again.Type = parser.EVENT
			case parser.BINARY_ACK:
				again.Type = parser.ACK
			}
			requireEqual(t, plain(t, decode(t, ours, encode(stock.NewEncoder(), &again)...).Data), want)
		})
	}
}
