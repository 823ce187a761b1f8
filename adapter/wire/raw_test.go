package wire

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"chorus/adapter/wire/msgpack"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
)

// TestRawWithBinary: what has binary in it comes as values, for the parser to make attachments.
func TestRawWithBinary(t *testing.T) {
	t.Parallel()
	packet := &parser.Packet{Data: []any{"e", json.RawMessage(`{"b":1,"a":2}`), map[string]any{"n": []any{json.Number("7"), []byte{1}}}, json.RawMessage(`[1]`)}}
	b, err := appendPacket(nil, packet, "/")
	if err != nil {
		t.Fatal(err)
	}
	got, err := readPacket(b, "/", true)
	if err != nil {
		t.Fatal(err)
	}
	want := []any{"e", json.RawMessage(`{"b":1,"a":2}`), map[string]any{"n": []any{int64(7), []byte{1}}}, json.RawMessage(`[1]`)}
	if !reflect.DeepEqual(got.Data, want) {
		t.Errorf("got %#v", got.Data)
	}
}

// TestExactText: what MessagePack cannot say travels as text beside it, for our own nodes.
func TestExactText(t *testing.T) {
	t.Parallel()
	const huge, half, plain = `{"n": 1234567890123456789012345}`, `"\ud800"`, `[1.50]`
	raw := func(texts ...string) (args []any) {
		args = append(make([]any, 0, 1+len(texts)), "e")
		for _, text := range texts {
			args = append(args, json.RawMessage(text))
		}
		return args
	}
	for _, test := range []struct {
		name       string
		args, want []any
	}{
		{"alone", raw(huge), raw(huge)},
		{"first and last", raw(huge, plain, half), raw(huge, `[1.5]`, half)},
		{"in the middle", raw(plain, "1e400", plain, plain), raw(`[1.5]`, "1e400", `[1.5]`, `[1.5]`)},
		{"none", raw(plain), raw(`[1.5]`)},
		{"beside values of Go", []any{"e", 1, json.RawMessage(huge), nil}, raw("1", huge, "null")},
		{"beside binary", []any{"e", []byte{1}, json.RawMessage(huge)}, []any{"e", []byte{1}, json.RawMessage(huge)}},
		{"17 arguments", raw(huge, "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", half),
			raw(huge, "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", half)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, err := EncodeBroadcast("uid", &parser.Packet{Data: test.args}, "/", Options{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := decodeMessage("/", true)(ReadBroadcast(b))
			if err != nil {
				t.Fatal(err)
			}
			got := m.Packet
			if err != nil || !reflect.DeepEqual(got.Data, test.want) {
				t.Errorf("got %s, %v", got.Data, err)
			}
			if got, err := decodeMessage("/", false)(ReadBroadcast(b)); err != nil || len(got.Packet.Data.([]any)) != len(test.want) {
				t.Errorf("as values: %+v, %v", got, err)
			}
		})
	}
	for _, text := range []string{huge, half, "1e400", plain} {
		b, err := EncodeResponse(&Message{Kind: Ack, RequestID: "r", Value: json.RawMessage(text)})
		if err != nil {
			t.Fatal(err)
		}
		want := json.RawMessage(text)
		if text == plain {
			want = json.RawMessage(`[1.5]`)
		}
		if got, err := decodeMessage("/", true)(readAckResponse(b)); err != nil || !reflect.DeepEqual(got.Value, want) {
			t.Errorf("%s is answered as %s, %v", text, got.Value, err)
		}
		if _, err := decodeMessage("/", false)(readAckResponse(b)); err != nil {
			t.Errorf("%s as a value: %v", text, err)
		}
	}
}

// TestExactTextOfOthers: whoever writes to Redis must not get anything but JSON to clients.
func TestExactTextOfOthers(t *testing.T) {
	t.Parallel()
	packet := func(exact any) []byte {
		return mustAppend(t, map[string]any{"type": 2, "data": []any{"e", 1, []byte{1}}, "exact": exact})
	}
	for name, exact := range map[string]any{
		"nothing":          nil,
		"text":             "1",
		"a number in it":   []any{1},
		"no JSON":          []any{`1],["e"`},
		"two values":       []any{`1,2`},
		"too deep":         []any{strings.Repeat("[", 300) + strings.Repeat("]", 300)},
		"a map":            map[string]any{"1": "1"},
		"binary":           []any{[]byte("1")},
		"an empty text":    []any{""},
		"half of a string": []any{`"a`},
	} {
		if got, err := readPacket(packet(exact), "/", true); err == nil {
			t.Errorf("%s: read as %s", name, got.Data)
		}
	}
	// More than there are arguments, and one for an argument with binary in it, are not looked at.
	got, err := readPacket(packet([]any{"2", "3", "4"}), "/", true)
	if want := []any{"e", json.RawMessage("2"), []byte{1}}; err != nil || !reflect.DeepEqual(got.Data, want) {
		t.Errorf("got %v, %v", got, err)
	}
	huge, _ := hex.DecodeString("dfffffffff")
	if _, _, err := readExact(huge); err == nil {
		t.Error("a map is a list")
	}
	if _, _, err := readExact([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}); !errors.Is(err, msgpack.ErrTruncated) {
		t.Errorf("four billion texts: %v", err)
	}
}

// readJSON reads a value without binary.
func readJSON(tb testing.TB, b []byte) string {
	tb.Helper()
	value, _, _, err := msgpack.ReadRaw(nil, b, 0)
	text, ok := value.(json.RawMessage)
	if err != nil || !ok {
		tb.Fatalf("read %#v, %v, want JSON", value, err)
	}
	return string(text)
}
