package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/codec"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// loud returns an encoder and the list of what it could not send.
func loud() (parser.Encoder, *[]error) {
	var errs []error
	p := codec.New(codec.Options{OnUnsendable: func(err error) { errs = append(errs, err) }})
	return p.NewEncoder(), &errs
}

type point struct {
	X int    `json:"x"`
	S string `json:"s,omitempty"`
}

type word string

func TestEncode(t *testing.T) {
	const placeholder = `{"_placeholder":true,"num":0}`
	for name, c := range map[string]struct {
		packet parser.Packet
		want   []any
	}{
		"connect, v2":      {parser.Packet{Type: parser.CONNECT, Nsp: "/"}, []any{`0`}},
		"connect":          {parser.Packet{Type: parser.CONNECT, Nsp: "/admin", Data: &struct{ Sid word }{"a<b"}}, []any{`0/admin,{"Sid":"a<b"}`}},
		"connect error":    {parser.Packet{Type: parser.CONNECT_ERROR, Nsp: "/", Data: map[string]any{"message": "no", "data": nil}}, []any{`4{"message":"no"}`}},
		"connect error v2": {parser.Packet{Type: parser.CONNECT_ERROR, Nsp: "/", Data: "no"}, []any{`4"no"`}},
		"disconnect":       {parser.Packet{Type: parser.DISCONNECT, Nsp: "/admin", Data: 1}, []any{`1/admin,`}},
		"no namespace":     {parser.Packet{Type: parser.EVENT, Data: []any{"a"}}, []any{`2["a"]`}},

		"event":           {withID(12, inNamespace("/n", event("a", "b"))), []any{`2/n,12["a","b"]`}},
		"event, id 0":     {withID(0, event("a")), []any{`20["a"]`}},
		"event, other":    {parser.Packet{Type: parser.EVENT, Data: []string{"a", "b"}}, []any{`2["a","b"]`}},
		"event, typed":    {event(word("a")), []any{`2["a"]`}},
		"ack":             {withID(3, ack()), []any{`33[]`}},
		"ack of nothing":  {parser.Packet{Type: parser.ACK, Id: ptr(uint64(3)), Data: []any(nil)}, []any{`33[]`}},
		"ack without any": {parser.Packet{Type: parser.ACK, Id: ptr(uint64(3))}, []any{`33[]`}},

		"values":       {event("a", nil, true, -1, int64(math.MinInt64), uint64(math.MaxUint64), 1.5, 1e21, float32(0.1), uint8(7)), []any{`2["a",null,true,-1,-9223372036854775808,18446744073709551615,1.5,1e+21,0.1,7]`}},
		"no numbers":   {event("a", math.NaN(), math.Inf(-1)), []any{`2["a",null,null]`}},
		"json.Number":  {event("a", json.Number("12345678901234567890123"), json.Number("1.10")), []any{`2["a",12345678901234567890123,1.10]`}},
		"containers":   {event("a", []any{1, []any{}}, map[string]any{"b": 1, "a": map[string]any{}}, []point{{X: 1}}), []any{`2["a",[1,[]],{"a":{},"b":1},[{"x":1}]]`}},
		"nil pointers": {event("a", (*point)(nil), (map[string]any)(nil), ([]any)(nil), raw("")), []any{`2["a",null,{},[],null]`}},
		"text":         {event("a\"\n", "\b\f\n\r\t\"\\\u0000\u001f\u007f<>&é\u2028👩", "\xff\xed\xa0\x80"), []any{"2[\"a\\\"\\n\",\"\\b\\f\\n\\r\\t\\\"\\\\\\u0000\\u001f\u007f<>&é\u2028👩\",\"\ufffd\"]"}},
		"time":         {event("a", time.Unix(0, 0).UTC()), []any{`2["a","1970-01-01T00:00:00Z"]`}},
		"not HTML":     {event("a", point{S: "<&>"}), []any{`2["a",{"x":0,"s":"<&>"}]`}},
		"text readers": {event("a", types.NewStringBufferString(`"x"`), strings.NewReader("y")), []any{`2["a","\"x\"","y"]`}},
		"base64":       {parser.Packet{Type: parser.CONNECT_ERROR, Data: map[string]any{"b": []byte{1}}}, []any{`4{"b":"AQ=="}`}},

		"raw":               {event("a", raw(`{"b":1.10, "a":[1e400] ,"b":"\ud800"}`)), []any{`2["a",{"b":1.10, "a":[1e400] ,"b":"\ud800"}]`}},
		"raw inside":        {event("a", []any{raw(`1.0`)}, map[string]any{"x": raw(` -0 `)}), []any{`2["a",[1.0],{"x": -0 }]`}},
		"raw, not UTF-8":    {event("a", raw("\"\xff\"")), []any{"2[\"a\",\"\ufffd\"]"}},
		"raw placeholder":   {event("a", raw(placeholder)), []any{`2["a",` + placeholder + `]`}},
		"raw with binary":   {event("a", raw(`1.10`), []byte{1}), []any{`51-["a",1.10,` + placeholder + `]`, []byte{1}}},
		"harmless in there": {event("a", raw(`"_placeholder"`), []byte{1}), []any{`51-["a","_placeholder",` + placeholder + `]`, []byte{1}}},

		"binary":         {withID(7, inNamespace("/n", event("a", []byte{1}))), []any{`51-/n,7["a",` + placeholder + `]`, []byte{1}}},
		"binary ack":     {withID(7, ack([]byte{1})), []any{`61-7[` + placeholder + `]`, []byte{1}}},
		"binary again":   {binaryEvent("a", []byte{1}), []any{`51-["a",` + placeholder + `]`, []byte{1}}},
		"binary no more": {binaryEvent("a", 1), []any{`2["a",1]`}},
		"no bytes":       {event("a", []byte{}, []byte(nil)), []any{`52-["a",` + placeholder + `,{"_placeholder":true,"num":1}]`, []byte{}, []byte{}}},
		"binary inside": {event("a", map[string]any{"b": []any{1, []byte{2}}, "a": types.NewBytesBuffer([]byte{1})}, bytes.NewReader([]byte{3})),
			[]any{`53-["a",{"a":{"_placeholder":true,"num":0},"b":[1,{"_placeholder":true,"num":1}]},{"_placeholder":true,"num":2}]`, []byte{1}, []byte{2}, []byte{3}}},
	} {
		t.Run(name, func(t *testing.T) {
			e, errs := loud()
			requireEqual(t, encode(e, &c.packet), c.want)
			if len(*errs) > 0 {
				t.Error(*errs)
			}
		})
	}
}

type badReader struct{}

func (badReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("oops") }

func TestEncodeTheUnsendable(t *testing.T) {
	cycle := map[string]any{}
	cycle["a"], cycle["b"] = cycle, []any{cycle}
	var nobody *closingReader
	var deep any
	for range 300 {
		deep = []any{deep}
	}
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"function":         {func() {}, `null`},
		"channel inside":   {map[string]any{"a": make(chan int), "b": 1}, `{"a":null,"b":1}`},
		"cycle":            {cycle, `null`},
		"deep":             {deep, `null`},
		"deep and binary":  {[]any{[]byte{1}, deep}, `null`},
		"raw, broken":      {raw(`1],"x"`), `null`},
		"raw, not ended":   {raw(`{"a":1`), `null`},
		"raw, two":         {raw(`1 2`), `null`},
		"raw, deep":        {raw(strings.Repeat("[", 100_000)), `null`},
		"raw inside":       {[]any{raw(`x`)}, `[null]`},
		"number":           {json.Number("1,2"), `null`},
		"panic":            {panicking{}, `null`},
		"reader":           {badReader{}, `null`},
		"nil reader":       {nobody, `null`},
		"nil text":         {(*types.StringBuffer)(nil), `null`},
		"nil text reader":  {(*strings.Reader)(nil), `null`},
		"nil buffer":       {(*types.BytesBuffer)(nil), `null`},
		"NaN in a pointer": {&[]float64{math.NaN()}, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			e, errs := loud()
			requireEqual(t, encode(e, ptr(event("a", 1, c.value, 2))), []any{`2["a",1,` + c.want + `,2]`})
			if len(*errs) == 0 || !errors.Is((*errs)[0], codec.ErrUnsendable) || !strings.Contains((*errs)[0].Error(), `event "a", args[2]`) {
				t.Errorf("told %v", *errs)
			}
		})
	}
}

// A client must not be able to make the server send a packet that ends other clients' connections.
func TestEncodeForgedPlaceholder(t *testing.T) {
	for name, forged := range map[string]any{
		"raw":         raw(`[{"_placeholder":true,"num":9}]`),
		"raw inside":  raw(`{"a":1,"b":{"c":[0,{"num":0,"_placeholder":true}]}}`),
		"raw escaped": raw(`{"\u005fplaceholder":true,"num":9}`),
		"map":         map[string]any{"_placeholder": true},
		"struct": struct {
			P bool `json:"_placeholder"`
		}{true},
	} {
		t.Run(name, func(t *testing.T) {
			e, errs := loud()
			requireEqual(t, encode(e, ptr(event("a", forged, []byte{1}))), []any{`51-["a",null,{"_placeholder":true,"num":0}]`, []byte{1}})
			if len(*errs) != 1 {
				t.Errorf("told %v", *errs)
			}
		})
	}
}

func TestEncodeTheIllFormed(t *testing.T) {
	for name, c := range map[string]struct {
		packet parser.Packet
		want   []any
	}{
		"no data":          {parser.Packet{Type: parser.EVENT}, nil},
		"no name":          {event(), nil},
		"name is null":     {event(nil), nil},
		"name is binary":   {event([]byte("a")), nil},
		"name unsendable":  {event(func() {}), nil},
		"no list":          {parser.Packet{Type: parser.EVENT, Data: "a"}, nil},
		"ack without list": {parser.Packet{Type: parser.ACK, Data: map[string]any{}}, nil},
		"unknown type":     {parser.Packet{Type: 9, Data: []any{"a"}}, nil},
		"connect error":    {parser.Packet{Type: parser.CONNECT_ERROR, Data: func() {}}, []any{`4{}`}},
	} {
		t.Run(name, func(t *testing.T) {
			e, errs := loud()
			requireEqual(t, encode(e, &c.packet), c.want)
			if len(*errs) == 0 {
				t.Error("nobody was told")
			}
		})
	}
}

func TestEncodeLeavesThePacket(t *testing.T) {
	inner := map[string]any{"b": []byte{1}, "c": types.NewBytesBuffer([]byte{2}), "d": types.NewStringBufferString("s")}
	p := event("a", inner)
	e := ours.NewEncoder()
	first := encode(e, &p)
	requireEqual(t, encode(e, &p), first)
	if p.Type != parser.EVENT || p.Attachments != nil {
		t.Errorf("the packet is %+v", p)
	}

	b := []byte{1}
	frames := e.Encode(ptr(event("a", b)))
	b[0] = 9
	requireEqual(t, frames[1].Bytes(), []byte{1})
}

func TestEncodeClosesReaders(t *testing.T) {
	r := &closingReader{Reader: io.LimitReader(strings.NewReader("bytes"), 3)}
	requireEqual(t, encode(ours.NewEncoder(), ptr(event("a", r)))[1], []byte("byt"))
	if !r.closed {
		t.Error("the reader was not closed")
	}
}

func TestEncodeAtTheSameTime(t *testing.T) {
	e := ours.NewEncoder()
	p := event("a", raw(`{"x":1}`), map[string]any{"b": []byte{1}, "c": "text"}, point{X: 1})
	want := encode(e, &p)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				got := encode(e, &p)
				if got[0] != want[0] || !bytes.Equal(got[1].([]byte), want[1].([]byte)) {
					t.Errorf("got %v", got)
					return
				}
			}
		})
	}
	wg.Wait()
}
