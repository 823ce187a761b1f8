package msgpack

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"
	"testing"
	"unicode/utf8"

	"chorus/adapter/wire/internal/peervalue"

	"github.com/tinylib/msgp/msgp"
)

// FuzzReadValue: whatever is read can be written, and reads equal.
func FuzzReadValue(f *testing.F) {
	for _, seed := range []any{nil, true, -1, 1 << 40, 1.5, "text", []byte{1}, []any{1, []any{}}, map[string]any{"a": map[string]any{}}} {
		f.Add(mustAppend(f, seed))
	}
	f.Add([]byte{0xd6, 0xff, 0, 0, 0, 0})                   // a date
	f.Add([]byte{0xc7, 3, 1, 1, 2, 3})                      // an unknown extension
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0})       // an array of 4 billion
	f.Add([]byte{0x82, 0x01, 0xc0, 0xa1, '1', 0xc3})        // a key twice, as a number and as text
	f.Add([]byte{0xcb, 0x43, 0xe0, 0, 0, 0, 0, 0, 0, 0xc1}) // 2^63 as a float
	f.Fuzz(func(t *testing.T, b []byte) {
		v, rest, err := Read(b, 0)
		if err != nil {
			return
		}
		if len(rest) >= len(b) {
			t.Fatalf("%x: nothing is consumed", b)
		}
		again, err := Append(nil, v, 0)
		if err != nil {
			t.Fatalf("%#v cannot be written: %v", v, err)
		}
		got, rest, err := Read(again, 0)
		if err != nil || len(rest) != 0 {
			t.Fatalf("%#v written as %x: %v, %d bytes left", v, again, err, len(rest))
		}
		if !peervalue.Same(got, v) {
			t.Fatalf("%#v comes back as %#v", v, got)
		}
	})
}

// FuzzRaw: JSON is taken, or not, as encoding/json does, and means the same behind MessagePack.
func FuzzRaw(f *testing.F) {
	for _, seed := range []string{
		`null`, `[true,false]`, `{"b":{"a":[]},"a":{},"a":1}`, `"\ud83d\ude42 \ud800 \u0000\n\/"`, `"\u0041\udc00\ud800\u0041"`, "\"\u2028\xff\"", ` [ 1 , "x" ] `,
		`[0,-0,1,-32,-33,255,256,65536,4294967296,9007199254740993,9223372036854775807,9223372036854775808,18446744073709551615,18446744073709551616,-9223372036854775809]`,
		`[1.5,0.1,1e3,1.0,1e21,1e-7,5e-324,4.94e-324,1e400,-1e400,1e-400,0e400,123456789012345678.0,1.2345678901234567e18,0.30000000000000004]`,
		`1234567890123456789012345`, `[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]`, `[[[[[[[[[[0,1]]]]]]]]]]`,
		`[`, `{"a"}`, `"\x"`, `01`, `1.`, `"a`, `nul`, `[1,]`, `-`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) == 0 {
			return
		}
		packed, exact, err := FromJSON(nil, text, 0)
		if checked := Check(text, 0); (err == nil) != (checked == nil) {
			t.Fatalf("%q: %v, checked: %v", text, err, checked)
		}
		if errors.Is(err, errTooDeep) {
			return
		}
		if (err == nil) != json.Valid(text) {
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil {
			return
		}
		if rest, err := msgp.Skip(packed); err != nil || len(rest) != 0 {
			t.Fatalf("%q as %x: %v, %d bytes left", text, packed, err, len(rest))
		}
		got := readJSON(t, packed)
		if !utf8.ValidString(got) {
			t.Fatalf("%q comes back as %q", text, got)
		}
		if utf8.Valid(text) && !sameJSON(t, decodeNumbers(t, []byte(got)), decodeNumbers(t, text), exact) {
			t.Fatalf("%q comes back as %q", text, got)
		}
		// The second time nothing changes.
		if packed, _, err = FromJSON(nil, json.RawMessage(got), 0); err != nil || readJSON(t, packed) != got {
			t.Fatalf("%q comes back as %q, %v", got, readJSON(t, packed), err)
		}
	})
}

func decodeNumbers(t *testing.T, text []byte) (value any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return value
}

// sameJSON compares what came with what was sent: numbers by their float64, and all of their digits
// where they are exact.
func sameJSON(t *testing.T, got, want any, exact bool) bool {
	t.Helper()
	switch want := want.(type) {
	case []any:
		got, ok := got.([]any)
		return ok && slices.EqualFunc(got, want, func(a, b any) bool { return sameJSON(t, a, b, exact) })
	case map[string]any:
		got, ok := got.(map[string]any)
		return ok && maps.EqualFunc(got, want, func(a, b any) bool { return sameJSON(t, a, b, exact) })
	case json.Number:
		f, err := want.Float64()
		if err != nil {
			return got == nil && !exact
		}
		got, ok := got.(json.Number)
		if !ok {
			return false
		}
		if g, err := got.Float64(); err != nil || g != f || math.Signbit(g) != math.Signbit(f) {
			return false
		}
		if !exact || len(want) > 400 || math.Abs(f) > 0 && (math.Abs(f) < 1e-320 || math.Abs(f) > 1e308) || f == 0 {
			return true // too much, or nothing, for exact arithmetic
		}
		a, okA := new(big.Rat).SetString(got.String())
		b, okB := new(big.Rat).SetString(want.String())
		return okA && okB && a.Cmp(b) == 0
	default:
		return reflect.DeepEqual(got, want)
	}
}

func mustAppend(t testing.TB, v any) []byte {
	t.Helper()
	b, err := Append(nil, v, 0)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
