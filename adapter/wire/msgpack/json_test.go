package msgpack

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

// TestRaw: JSON text to MessagePack, and back.
func TestRaw(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		hex        string // not compared when empty
		want       string // empty: the text itself
		inexact    bool
	}{
		{name: "null", text: `null`, hex: "c0"},
		{name: "nothing", text: ``, hex: "c0", want: `null`},
		{name: "true", text: `true`, hex: "c3"},
		{name: "false", text: `false`, hex: "c2"},
		{name: "empty string", text: `""`, hex: "a0"},
		{name: "string", text: `"é🙂"`, hex: "a6c3a9f09f9982"},
		{name: "what JSON.stringify leaves alone", text: "\"</script>&\u2028\x7f\""},
		{name: "escapes", text: `"\"\\\b\f\n\r\t\u0000\u001f"`, hex: "a9225c080c0a0d09001f"},
		{name: "other ways to escape", text: `"\/\u0041\u00e9\u20AC\ud83d\uDE42"`, want: `"/Aé€🙂"`},
		{name: "short after escapes", text: `"` + strings.Repeat(`\u0041`, 40) + `"`, want: `"` + strings.Repeat("A", 40) + `"`},
		{name: "long after escapes", text: `"\n` + strings.Repeat("x", 70_000) + `"`},
		{name: "half of a pair", text: `"a\ud800"`, want: "\"a\ufffd\"", inexact: true},
		{name: "the other half", text: `"\udc00\ud83d\ude42"`, want: "\"\ufffd🙂\"", inexact: true},
		{name: "two first halves", text: `"\ud83d\ud83d\ude42"`, want: "\"\ufffd🙂\"", inexact: true},
		{name: "half of a pair before a letter", text: `"\ud800\u0041"`, want: "\"\ufffdA\"", inexact: true},
		{name: "not UTF-8", text: "\"a\xff\xfeb\"", hex: "a461fffe62", want: "\"a\ufffdb\""},
		{name: "32 bytes", text: `"` + strings.Repeat("x", 32) + `"`},
		{name: "70,000 bytes", text: `"` + strings.Repeat("x", 70_000) + `"`},

		{name: "zero", text: `0`, hex: "00"},
		{name: "negative zero", text: `-0`, hex: "cb8000000000000000"},
		{name: "negative zero in other ways", text: `[-0.0,-0e5,0E-7,0.000]`, want: `[-0,-0,0,0]`},
		{name: "small integers", text: `[1,127,128,-1,-32,-33]`, hex: "96017fd10080ffe0d0df"},
		{name: "largest integers", text: `[9223372036854775807,-9223372036854775808,18446744073709551615]`},
		{name: "an integer beyond 2^53", text: `9007199254740993`},
		{name: "an integer beyond uint64", text: `18446744073709551616`, want: `18446744073709552000`, inexact: true},
		{name: "an integer below int64", text: `-9223372036854775809`, want: `-9223372036854776000`, inexact: true},
		{name: "25 digits", text: `1234567890123456789012345`, want: `1.2345678901234568e+24`, inexact: true},
		{name: "25 digits, a float64 all the same", text: `1000000000000000000000000`, want: `1e+24`},
		{name: "fractions", text: `[0.1,-2.5,1.10,0.30000000000000004]`, want: `[0.1,-2.5,1.1,0.30000000000000004]`},
		{name: "18 digits behind the point", text: `0.123456789012345678`, want: `0.12345678901234568`, inexact: true},
		{name: "whole, with a point", text: `[1.0,1e3,12E-1,100e-2]`, hex: "9401" + "d103e8" + "cb3ff3333333333333" + "01", want: `[1,1000,1.2,1]`},
		{name: "whole, beyond 2^53", text: `1.2345678901234567e18`, want: `1234567890123456800`, inexact: true},
		{name: "whole, beyond 2^53, in few digits", text: `123456789012345e5`, want: `12345678901234500000`},
		{name: "as JavaScript writes them", text: `[1e21,123e-9,0.000001,1e-7,5e-324,1.7976931348623157e308]`,
			want: `[1e+21,1.23e-7,0.000001,1e-7,5e-324,1.7976931348623157e+308]`},
		{name: "too small for a float64", text: `1e-400`, want: `0`, inexact: true},
		{name: "few digits left", text: `4.94e-324`, want: `5e-324`, inexact: true},
		{name: "too large for a float64", text: `1e400`, hex: "c0", want: `null`, inexact: true},
		{name: "an exponent of many digits", text: `[0e99999999999999999999,1e-99999999999999999999]`, want: `[0,0]`, inexact: true},
		{name: "between others", text: `{"a":1,"b":[-1e400],"c":3}`, want: `{"a":1,"b":[null],"c":3}`, inexact: true},

		{name: "empty array", text: `[]`, hex: "90"},
		{name: "empty object", text: `{}`, hex: "80"},
		{name: "spaces", text: " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } }\n", hex: "82a161920102a16280", want: `{"a":[1,2],"b":{}}`},
		{name: "the order of names", text: `{"b":1,"a":2,"7":3,"":4,"__proto__":5}`},
		{name: "a name twice", text: `{"a":1,"a":2}`, hex: "82a16101a16102"},
		{name: "names with escapes", text: `{"\u0061":1,"\n":2}`, want: `{"a":1,"\n":2}`},
		{name: "15 values", text: `[` + strings.Repeat("0,", 14) + `0]`, hex: "9f" + strings.Repeat("00", 15)},
		{name: "16 values", text: `[` + strings.Repeat("0,", 15) + `0]`, hex: "dc0010" + strings.Repeat("00", 16)},
		{name: "70,000 values", text: `[` + strings.Repeat("0,", 69_999) + `0]`},
		{name: "16 names", text: `{` + strings.Repeat(`"a":[],`, 15) + `"a":{}}`},
		{name: "70,000 names", text: `{` + strings.Repeat(`"":0,`, 69_999) + `"":0}`},
		{name: "many values, deep", text: strings.Repeat(`[`, 20) + `{"a":` + strings.Repeat(`[`+strings.Repeat("0,", 20), 20) + `0` + strings.Repeat("]", 20) + `}` + strings.Repeat(`]`, 20)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			prefix := []byte{0xc3}
			b, exact, err := FromJSON(prefix, json.RawMessage(test.text), 0)
			if err != nil {
				t.Fatal(err)
			}
			if exact == test.inexact {
				t.Errorf("exact: %v", exact)
			}
			if test.hex != "" && hex.EncodeToString(b[1:]) != test.hex {
				t.Errorf("written as %x, want %s", b[1:], test.hex)
			}
			if rest, err := msgp.Skip(b[1:]); err != nil || len(rest) != 0 || b[0] != 0xc3 {
				t.Fatalf("no MessagePack: %v, %d bytes left", err, len(rest))
			}
			want := test.want
			if want == "" {
				want = test.text
			}
			if got := readJSON(t, b[1:]); got != want {
				t.Errorf("read %.200s, want %.200s", got, want)
			}
		})
	}
}

// readJSON reads a value without binary.
func readJSON(tb testing.TB, b []byte) string {
	tb.Helper()
	value, rest, _, err := ReadRaw(nil, b, 0)
	if err != nil {
		tb.Fatal(err)
	}
	if len(rest) != 0 {
		tb.Errorf("%d bytes left", len(rest))
	}
	text, ok := value.(json.RawMessage)
	if !ok || !json.Valid(text) {
		tb.Fatalf("read %#v, want JSON", value)
	}
	return string(text)
}

func TestRawThatIsNotJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		" ", "x", "nul", "nulll", "tru", "fals", "True", "1 2", "1,", ",", ":", "]", "}", "\x00",
		"[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1}", "[]]", "{", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a" 1}`, `{a:1}`, `{1:1}`, `{"a":1]`,
		`"`, `"a`, `"\`, `"\"`, `"\x"`, `"\u"`, `"\u12"`, `"\u123g"`, `"\u 123"`, `"\ud800\u"`, `"\ud800\u12"`, "\"\n\"", "\"\x00\"", "\"\\\x01\"", "\"\x1f\\n\"",
		"-", "+1", "01", "-01", "1.", ".5", "1.e5", "1e", "1e+", "1e-", "0x10", "1_000", "--1", "Infinity", "NaN", "-Infinity", "1.5.5", "1e5e5", "1e5.5",
	} {
		if json.Valid([]byte(text)) {
			t.Fatalf("%q is JSON", text)
		}
		if b, _, err := FromJSON(nil, json.RawMessage(text), 0); !errors.Is(err, ErrNotJSON) {
			t.Errorf("%q is written as %x, %v", text, b, err)
		}
		if _, err := Append(nil, []any{json.RawMessage(text)}, 0); err == nil {
			t.Errorf("%q inside is sent", text)
		}
	}
}

func TestRawDepthIsBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ open, core, end string }{{"[", "0", "]"}, {`{"k":`, "0", "}"}} {
		nest := func(levels int) string {
			return strings.Repeat(c.open, levels) + c.core + strings.Repeat(c.end, levels)
		}
		b, _, err := FromJSON(nil, json.RawMessage(nest(MaxDepth)), 0)
		if err != nil {
			t.Fatalf("writing %d levels of %s: %v", MaxDepth, c.open, err)
		}
		if got := readJSON(t, b); got != nest(MaxDepth) {
			t.Errorf("read %s", got)
		}
		for _, levels := range []int{MaxDepth + 1, 1 << 20} {
			if _, _, err := FromJSON(nil, json.RawMessage(nest(levels)), 0); !errors.Is(err, errTooDeep) {
				t.Errorf("writing %d levels of %s: %v", levels, c.open, err)
			}
		}
	}
	for name, deep := range map[string][]byte{
		"arrays": bytes.Repeat([]byte{0x91}, 1<<20),
		"maps":   bytes.Repeat([]byte{0x81, 0xa1, 'k'}, 1<<20),
	} {
		if _, _, _, err := ReadRaw(nil, deep, 0); !errors.Is(err, errTooDeep) {
			t.Errorf("reading a million %s: %v", name, err)
		}
	}
}

// TestForeignRaw reads encodings that we do not write ourselves as JSON.
func TestForeignRaw(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, hex, want string }{
		{"uint64", "cfffffffffffffffff", `18446744073709551615`},
		{"int64", "d38000000000000000", `-9223372036854775808`},
		{"float32", "ca3fc00000", `1.5`},
		{"float64 that is whole", "cb4008000000000000", `3`},
		{"NaN", "cb7ff8000000000000", `null`},
		{"infinity", "cb7ff0000000000000", `null`},
		{"str32", "db0000000161", `"a"`},
		{"a string that is not UTF-8", "a3ff6122", `"` + "\ufffd" + `a\""`},
		{"array32", "dd00000001c0", `[null]`},
		{"map16", "de0001a161c0", `{"a":null}`},
		{"numbers as names", "8307c301c2ffc0", `{"7":true,"1":false,"-1":null}`},
		{"a name that is not UTF-8", "81a1ffc0", `{"` + "\ufffd" + `":null}`},
		{"date", "92d6ff00000000c3", `["1970-01-01T00:00:00.000Z",true]`},
		{"date at the end", "d7ff1d53530000000001", `"1970-01-01T00:00:01.123Z"`},
		{"undefined", "94d40000c3d40000c0", `[null,true,null,null]`},
		{"undefined members", "83a161d40000a16201a163d40000", `{"b":1}`},
		{"nothing but undefined members", "81a161d40000", `{}`},
		{"date of notepack 2", "d700000001977420dc00", `"2025-06-15T15:06:40.000Z"`},
		{"date that is none", "d7007fffffffffffffff", `null`},
		{"an object of PHP", "82c0a8737464436c617373a16101", `{"null":"stdClass","a":1}`},
		{"names of other kinds", "83c301cb3ff800000000000002c4016b03", `{"true":1,"1.5":2,"k":3}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, err := hex.DecodeString(test.hex)
			if err != nil {
				t.Fatal(err)
			}
			if got := readJSON(t, b); got != test.want {
				t.Errorf("read %s, want %s", got, test.want)
			}
		})
	}
}

// TestBrokenRaw: every value cut off anywhere, and lengths that are not Believed.
func TestBrokenRaw(t *testing.T) {
	t.Parallel()
	whole := mustAppend(t, map[string]any{"a": []any{1, -300, 1 << 40, 1.5, "text", strings.Repeat("x", 300), nil, true}, "b": map[string]any{"c": false}})
	for n := range whole {
		if v, _, _, err := ReadRaw(nil, whole[:n], 0); err == nil {
			t.Errorf("%d of %d bytes are read as %s", n, len(whole), v)
		}
	}
	for _, text := range []string{"c1", "ddffffffff", "dfffffffff", "dbffffffff61", "c9ffffffff01", "81a161", "ddffffffffc0c0"} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if v, _, _, err := ReadRaw(nil, b, 0); err == nil {
			t.Errorf("%s is read as %s", text, v)
		}
	}
}

// TestPlainJSON: one number beyond a float64 does not cost the rest.
func TestPlainJSON(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want any
	}{
		{`{"a":[1,2.5,null],"b":"x"}`, map[string]any{"a": []any{1.0, 2.5, nil}, "b": "x"}},
		{`1e400`, json.Number("1e400")},
		{`{"a":[1,-1e400],"b":{"c":2}}`, map[string]any{"a": []any{1.0, json.Number("-1e400")}, "b": map[string]any{"c": 2.0}}},
	} {
		if got, err := PlainJSON([]byte(test.text)); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %#v, %v", test.text, got, err)
		}
	}
	if got, err := PlainJSON([]byte(`{`)); err == nil {
		t.Errorf("got %v", got)
	}
}

// TestJSNumbers: the numbers of ECMAScript's Number::toString, as encoding/json has them.
func TestJSNumbers(t *testing.T) {
	t.Parallel()
	for _, f := range []float64{0, 1, -1, 0.1, 1e20, 1e21, 1e-6, 9.9e-7, 1e-7, 1e-10, -1e100, 123456789.125, 1 << 53, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Copysign(0, -1)} {
		want, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendJSNumber(nil, f); string(got) != string(want) {
			t.Errorf("%v is written as %s, want %s", f, got, want)
		}
	}
}

// BenchmarkTranscode: a chat message from a client of one node to the frame for those of another one,
// as values and as text.
func BenchmarkTranscode(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"small", `{"text":"hello, world","at":1700000000000}`},
		{"chat", `{"id":"c0ffee-42","room":"general","from":{"name":"Ada \"the\" L.","admin":true},"text":"héllo, wörld\n","at":1700000000000,"score":0.75,"tags":["a","b",null]}`},
		{"2KB", `{"id":123456,"list":[` + strings.Repeat(`{"name":"somebody","at":1700000000.25,"ok":true},`, 40) + `null]}`},
	} {
		text := []byte(c.text)
		b.Run(c.name+"/values", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				var value any
				if err := json.Unmarshal(text, &value); err != nil { // the library's parser
					b.Fatal(err)
				}
				packed, err := Append(nil, value, 0)
				if err != nil {
					b.Fatal(err)
				}
				if value, _, err = Read(packed, 0); err != nil {
					b.Fatal(err)
				}
				if _, err := json.Marshal(value); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/text", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				packed, _, err := FromJSON(nil, text, 0)
				if err != nil {
					b.Fatal(err)
				}
				if _, _, _, err := ReadRaw(make([]byte, 0, len(packed)+len(packed)/8), packed, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHostileRaw: headers that grow must not make a text cost its square.
func BenchmarkHostileRaw(b *testing.B) {
	text := json.RawMessage(strings.Repeat("[", 250) + `"` + strings.Repeat("x", 1<<20) + `"` + strings.Repeat(strings.Repeat(",0", 16)+"]", 250))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, _, err := FromJSON(nil, text, 0); err != nil {
			b.Fatal(err)
		}
	}
}
