package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"chorus/codec"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
)

// seed adds the packets of the tests, with the attachments one after the other.
func seed(f *testing.F) {
	f.Helper()
	for _, name := range slices.Sorted(maps.Keys(packets)) {
		c := packets[name]
		attachments := make([][]byte, len(c.frames)-1)
		for i, frame := range c.frames[1:] {
			attachments[i] = frame.([]byte)
		}
		f.Add(c.frames[0].(string), bytes.Join(attachments, nil))
	}
}

// deal cuts the attachments in pieces of one byte.
func deal(text string, attachments []byte) []any {
	frames := make([]any, 1+len(attachments))
	frames[0] = text
	for i, b := range attachments {
		frames[i+1] = []byte{b}
	}
	return frames
}

// FuzzDecode looks for packets that break the decoder, or that handlers could not rely on.
func FuzzDecode(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string, attachments []byte) {
		got, err := add(ours.NewDecoder(), deal(text, attachments)...)
		if err != nil && !errors.Is(err, codec.ErrInvalidPacket) {
			t.Fatal(err)
		}
		for _, p := range got {
			sound(t, p)
		}
	})
}

// sound fails unless a packet is what the library and the handlers trust that it is.
func sound(t *testing.T, p *parser.Packet) {
	t.Helper()
	if !p.Type.Valid() || !strings.HasPrefix(p.Nsp, "/") || p.Attachments != nil {
		t.Fatalf("%+v", p)
	}
	switch p.Type {
	case parser.CONNECT:
		if _, ok := p.Data.(map[string]any); !ok && p.Data != nil {
			t.Fatalf("%T", p.Data)
		}
	case parser.DISCONNECT:
		if p.Data != nil {
			t.Fatalf("%T", p.Data)
		}
	case parser.EVENT, parser.BINARY_EVENT:
		args := p.Data.([]any)
		if name := args[0].(string); parser.ReservedEvents.Has(name) || !utf8.ValidString(name) {
			t.Fatalf("%q", name)
		}
		soundArguments(t, p, args[1:])
	case parser.ACK, parser.BINARY_ACK:
		soundArguments(t, p, p.Data.([]any))
	}
}

func soundArguments(t *testing.T, p *parser.Packet, args []any) {
	t.Helper()
	for _, arg := range args {
		text, isRaw := arg.(json.RawMessage)
		if isRaw && (!json.Valid(text) || !utf8.Valid(text) || len(bytes.TrimSpace(text)) != len(text)) {
			t.Fatalf("%q", text)
		}
		if !isRaw && p.Type != parser.BINARY_EVENT && p.Type != parser.BINARY_ACK {
			t.Fatalf("%T", arg)
		}
	}
}

// FuzzRoundTrip decodes what it encodes of what it has decoded, and wants the same.
func FuzzRoundTrip(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string, attachments []byte) {
		packets, err := add(ours.NewDecoder(), deal(text, attachments)...)
		if err != nil {
			return
		}
		for _, p := range packets {
			if strings.Contains(p.Nsp, ",") {
				t.Fatalf("namespace %q", p.Nsp)
			}
			e, errs := loud()
			again := decode(t, ours, encode(e, p)...)
			if len(*errs) > 0 {
				t.Fatalf("unsendable: %v", *errs)
			}
			// A packet whose attachments had no place is an ordinary one.
			if p.Type != again.Type && p.Type-again.Type != parser.BINARY_EVENT-parser.EVENT {
				t.Fatalf("%v became %v", p.Type, again.Type)
			}
			p.Type = again.Type
			if !reflect.DeepEqual(p, again) {
				t.Fatalf("\n got %s\nwant %s", show(again), show(p))
			}
		}
	})
}

// FuzzJSON compares what the decoder takes for JSON with encoding/json.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{`{"a":[1.5e-3,"\ud800\n",null]}`, `[[],{}]`, `-0`, `01`, `"`, `tru`, `{"a":1,}`, "\"\x1f\"", ` 1 `, `1,2`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || strings.Count(text, "[")+strings.Count(text, "{") > 200 || strings.Count(text, ",") > 900 {
			return
		}
		list := "[" + text + "]"
		_, err := add(ours.NewDecoder(), "3"+list)
		if (err == nil) != json.Valid([]byte(list)) {
			t.Fatalf("%s: %v", list, err)
		}
		// The encoder checks with the same scanner.
		e, errs := loud()
		encode(e, ptr(event("a", raw(text))))
		if (len(*errs) == 0) != (text == "" || json.Valid([]byte(text))) {
			t.Fatalf("%s: %v", text, *errs)
		}
	})
}
