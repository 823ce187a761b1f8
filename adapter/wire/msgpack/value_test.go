package msgpack

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// TestValues checks what a value is for the receiver, and for the integers how they are written: a
// JavaScript peer tells integers from floats by the encoding.
func TestValues(t *testing.T) {
	t.Parallel()
	type named struct {
		N int    `json:"n"`
		S string `json:"s,omitempty"`
		B []byte
	}
	for _, test := range []struct {
		name string
		v    any
		want any
		hex  string // not compared when empty
	}{
		{"nil", nil, nil, "c0"},
		{"true", true, true, "c3"},
		{"false", false, false, "c2"},
		{"zero", 0, int64(0), "00"},
		{"fixint", 127, int64(127), "7f"},
		{"int over 7 bits", 128, int64(128), "d10080"},
		{"int over 8 bits", 256, int64(256), "d10100"},
		{"int over 16 bits", 1 << 16, int64(1 << 16), "d200010000"},
		{"int over 32 bits", 1 << 32, int64(1 << 32), "d30000000100000000"},
		{"negative fixint", -32, int64(-32), "e0"},
		{"negative 8 bits", -33, int64(-33), "d0df"},
		{"negative 16 bits", -129, int64(-129), "d1ff7f"},
		{"negative 32 bits", -32769, int64(-32769), "d2ffff7fff"},
		{"negative 64 bits", -2147483649, int64(-2147483649), "d3ffffffff7fffffff"},
		{"int64", int64(5), int64(5), ""},
		{"largest int64", int64(math.MaxInt64), int64(math.MaxInt64), ""},
		{"smallest int64", int64(math.MinInt64), int64(math.MinInt64), ""},
		{"uint64", uint64(5), int64(5), ""},
		{"beyond int64", uint64(1 << 63), uint64(1 << 63), ""},
		{"largest uint64", uint64(math.MaxUint64), uint64(math.MaxUint64), "cfffffffffffffffff"},
		{"int32 by JSON", int32(-7), int64(-7), ""},
		{"uint8 by JSON", uint8(200), int64(200), ""},
		{"float", 1.5, 1.5, "cb3ff8000000000000"},
		{"float32 by JSON", float32(0.5), 0.5, ""},
		{"whole float", 3.0, int64(3), "03"},
		{"negative whole float", -3.0, int64(-3), ""},
		{"largest exact integer of JavaScript", float64(1<<53 - 1), int64(1<<53 - 1), ""},
		{"whole float beyond them", float64(1 << 53), float64(1 << 53), ""},
		{"whole float beyond uint64", 1e300, 1e300, ""},
		{"negative zero", math.Copysign(0, -1), math.Copysign(0, -1), "cb8000000000000000"},
		{"smallest float", math.SmallestNonzeroFloat64, math.SmallestNonzeroFloat64, ""},
		{"NaN", math.NaN(), nil, "c0"},
		{"infinity", math.Inf(1), nil, "c0"},
		{"negative infinity", math.Inf(-1), nil, "c0"},
		{"number", json.Number("42"), int64(42), ""},
		{"number with 19 digits", json.Number("-9223372036854775808"), int64(math.MinInt64), ""},
		{"number with 20 digits", json.Number("18446744073709551615"), uint64(math.MaxUint64), ""},
		{"number beyond 64 bits", json.Number("18446744073709551616"), 18446744073709551616.0, ""},
		{"number with a fraction", json.Number("0.1"), 0.1, ""},
		{"number with an exponent", json.Number("1e3"), int64(1000), ""},
		{"number beyond a float", json.Number("-1e999"), nil, "c0"},
		{"empty string", "", "", "a0"},
		{"string", "é", "é", "a2c3a9"},
		{"emoji", "🙂👨‍👩‍👧", "🙂👨‍👩‍👧", ""},
		{"long string", strings.Repeat("x", 70000), strings.Repeat("x", 70000), ""},
		{"invalid UTF-8 stays as it is", "\xff", "\xff", "a1ff"},
		{"binary", []byte{0, 1, 255}, []byte{0, 1, 255}, "c4030001ff"},
		{"empty binary", []byte{}, []byte(nil), "c400"},
		{"binary buffer", types.NewBytesBuffer([]byte{1, 2}), []byte{1, 2}, ""},
		{"text buffer", types.NewStringBufferString("text"), "text", ""},
		{"empty array", []any{}, []any{}, "90"},
		{"empty map", map[string]any{}, map[string]any{}, "80"},
		{"nested", []any{map[string]any{"a": []any{nil, 1, []byte{2}}, "": ""}},
			[]any{map[string]any{"a": []any{nil, int64(1), []byte{2}}, "": ""}}, ""},
		{"long array", make([]any, 70000), make([]any, 70000), ""},
		{"typed list by JSON", []string{"a", "b"}, []any{"a", "b"}, ""},
		{"typed map by JSON", map[string]int{"a": 1}, map[string]any{"a": int64(1)}, ""},
		{"map with numeric keys by JSON", map[int]string{7: "x"}, map[string]any{"7": "x"}, ""},
		{"struct by JSON", named{N: 1, B: []byte{1}}, map[string]any{"n": int64(1), "B": "AQ=="}, ""},
		{"pointer by JSON", &named{N: math.MaxInt64, S: "s"}, map[string]any{"n": int64(math.MaxInt64), "s": "s", "B": nil}, ""},
		{"nil pointer by JSON", (*named)(nil), nil, ""},
		{"time by JSON", time.Unix(0, 0).UTC(), "1970-01-01T00:00:00Z", ""},
		{"raw JSON", json.RawMessage(`{"a":[18446744073709551615,1.5]}`),
			map[string]any{"a": []any{uint64(math.MaxUint64), 1.5}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, err := Append(nil, test.v, 0)
			if err != nil {
				t.Fatal(err)
			}
			if test.hex != "" && hex.EncodeToString(b) != test.hex {
				t.Errorf("written as %x, want %s", b, test.hex)
			}
			got, rest, err := Read(append(b, 0xc3), 0)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("read %#v, want %#v", got, test.want)
			}
			if !bytes.Equal(rest, []byte{0xc3}) {
				t.Errorf("%d bytes are left, want 1", len(rest))
			}
		})
	}
}

func TestValuesThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"function":         func() {},
		"channel":          make(chan int),
		"in an array":      []any{1, func() {}},
		"in a map":         map[string]any{"a": func() {}},
		"no number":        json.Number("seven"),
		"invalid raw JSON": json.RawMessage(`{`),
		"NaN in a struct":  struct{ F float64 }{math.NaN()},
	} {
		if b, err := Append(nil, v, 0); err == nil {
			t.Errorf("%s: written as %x, want an error", name, b)
		}
	}
}

// TestForeignValues reads encodings that we do not write ourselves.
func TestForeignValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, hex string
		want      any
	}{
		{"uint8", "ccff", uint64(255)},
		{"uint16", "cdffff", uint64(65535)},
		{"uint32", "ceffffffff", uint64(math.MaxUint32)},
		{"uint64", "cf001fffffffffffff", uint64(1<<53 - 1)},
		{"int8", "d080", int64(-128)},
		{"float32", "ca3fc00000", 1.5},
		{"NaN", "cb7ff8000000000000", nil},
		{"infinity", "cb7ff0000000000000", nil},
		{"float32 NaN", "ca7fc00000", nil},
		{"str8", "d90161", "a"},
		{"str16", "da000161", "a"},
		{"str32", "db0000000161", "a"},
		{"bin16", "c50001ff", []byte{255}},
		{"bin32", "c600000001ff", []byte{255}},
		{"array16", "dc0001c0", []any{nil}},
		{"array32", "dd00000001c0", []any{nil}},
		{"map16", "de0001a161c0", map[string]any{"a": nil}},
		{"map32", "df00000001a161c0", map[string]any{"a": nil}},
		{"numeric key", "8107c3", map[string]any{"7": true}},
		{"negative key", "81ffc3", map[string]any{"-1": true}},
		{"large key", "81cfffffffffffffffffc3", map[string]any{"18446744073709551615": true}},
		{"date of 32 bits", "d6ff00000000", "1970-01-01T00:00:00.000Z"},
		{"date of 64 bits", "d7ff1d53530000000001", "1970-01-01T00:00:01.123Z"},
		{"date of 96 bits", "c70cff00000000ffffffffffffffff", "1969-12-31T23:59:59.000Z"},
		{"date and more", "92d6ff00000000c3", []any{"1970-01-01T00:00:00.000Z", true}},
		{"date of a wrong size", "d4ff00", []any{int64(-1), []byte{0}}},
		{"unknown extension of 1 byte", "d40100", []any{int64(1), []byte{0}}},
		{"unknown extension of 8 bytes", "d7010000000000000000", []any{int64(1), make([]byte, 8)}},
		{"unknown extension of any size", "c70301010203", []any{int64(1), []byte{1, 2, 3}}},
		{"unknown extension in an array", "92d40100c3", []any{[]any{int64(1), []byte{0}}, true}},
		{"undefined of notepack 2", "93d40000c3c0", []any{nil, true, nil}},
		{"undefined in a map", "82a161d40000a16201", map[string]any{"b": int64(1)}},
		{"date of notepack 2", "d700000001977420dc00", "2025-06-15T15:06:40.000Z"},
		{"date before 1970 of notepack 2", "d700ffffffffffffffff", "1969-12-31T23:59:59.999Z"},
		{"date of a distant year", "d700001eb208c2dc0000", "+275760-09-13T00:00:00.000Z"},
		{"date out of range", "d7007fffffffffffffff", nil},
		{"bytes of notepack 2", "c70300010203", []byte{1, 2, 3}},
		{"bytes of notepack 2, 16 bits", "c8000200ffff", []byte{255, 255}},
		{"bytes of notepack 2, 32 bits", "c9000000010000", []byte{0}},
		{"date of 96 bits between milliseconds", "c70cff0007a120ffffffffffffffff", "1969-12-31T23:59:59.001Z"},
		{"keys of every kind", "86c0a16ec401ff01c302c203cb3ff800000000000004cb7ff800000000000005",
			map[string]any{"null": "n", "\xff": int64(1), "true": int64(2), "false": int64(3), "1.5": int64(4), "NaN": int64(5)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, err := hex.DecodeString(test.hex)
			if err != nil {
				t.Fatal(err)
			}
			got, rest, err := Read(b, 0)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) || len(rest) != 0 {
				t.Errorf("read %#v with %d bytes left, want %#v", got, len(rest), test.want)
			}
		})
	}
}

func TestBrokenValues(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":               "",
		"reserved byte":         "c1",
		"string cut off":        "a261",
		"binary cut off":        "c403ff",
		"integer cut off":       "d200",
		"float cut off":         "cb00",
		"array cut off":         "92c0",
		"map cut off":           "82a161c0",
		"key without a value":   "81a161",
		"array of 4 billion":    "ddffffffff",
		"map of 4 billion":      "dfffffffff",
		"string of 4 billion":   "dbffffffff61",
		"binary of 4 billion":   "c6ffffffff61",
		"extension cut off":     "d701",
		"extension of billions": "c9ffffffff01",
		"array header cut off":  "dc00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			if v, _, err := Read(b, 0); err == nil {
				t.Errorf("read %#v, want an error", v)
			}
		})
	}
}

func TestDepthIsBounded(t *testing.T) {
	t.Parallel()
	nest := func(levels int) any {
		var v any = "core"
		for i := range levels {
			if i%2 == 0 {
				v = []any{v}
			} else {
				v = map[string]any{"k": v}
			}
		}
		return v
	}
	b, err := Append(nil, nest(MaxDepth), 0)
	if err != nil {
		t.Fatalf("writing %d levels: %v", MaxDepth, err)
	}
	if got, _, err := Read(b, 0); err != nil || !reflect.DeepEqual(got, nest(MaxDepth)) {
		t.Fatalf("reading %d levels: %v", MaxDepth, err)
	}
	if _, err := Append(nil, nest(MaxDepth+1), 0); !errors.Is(err, errTooDeep) {
		t.Errorf("writing one level more: %v", err)
	}
	cycle := []any{nil}
	cycle[0] = cycle
	if _, err := Append(nil, cycle, 0); !errors.Is(err, errTooDeep) {
		t.Errorf("writing a cycle: %v", err)
	}
	for name, deep := range map[string][]byte{
		"arrays": bytes.Repeat([]byte{0x91}, 1<<20),
		"maps":   bytes.Repeat([]byte{0x81, 0xa1, 'k'}, 1<<20),
	} {
		if _, _, err := Read(deep, 0); !errors.Is(err, errTooDeep) {
			t.Errorf("reading a million %s: %v", name, err)
		}
	}
}

// TestDrained: the library's encoder empties readers, so a packet for two encoders must not have
// any, and must not share memory with buffers that their owner goes on using.
func TestDrained(t *testing.T) {
	t.Parallel()
	buffer := types.NewBytesBuffer([]byte{1, 2})
	data := []any{
		"event", 7,
		strings.NewReader("text"),
		bytes.NewReader([]byte{3}),
		io.LimitReader(bytes.NewReader([]byte{4, 5, 6}), 2),
		types.NewStringBufferString("buffered"),
		map[string]any{"nested": []any{buffer}},
	}
	want := []any{
		"event", 7, "text", []byte{3}, []byte{4, 5}, "buffered",
		map[string]any{"nested": []any{[]byte{1, 2}}},
	}
	got, err := Drained(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
	buffer.Reset()
	_, _ = buffer.Write([]byte{9, 9})
	if !reflect.DeepEqual(got, want) {
		t.Error("the copy shares memory with the buffer")
	}
	if _, err := Drained([]any{map[string]any{"r": failingReader{}}}); !errors.Is(err, errReader) {
		t.Errorf("a reader that fails: %v", err)
	}
}

var errReader = errors.New("broken pipe")

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errReader }
