package codec_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"chorus/codec"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// The examples of the Socket.IO protocol v5 document, and what else clients send.
var packets = map[string]struct {
	frames []any
	want   parser.Packet
}{
	"connect":                         {[]any{`0`}, parser.Packet{Type: parser.CONNECT, Nsp: "/"}},
	"connect with auth":               {[]any{`0{"token":"123","n":1.10}`}, parser.Packet{Type: parser.CONNECT, Nsp: "/", Data: map[string]any{"token": "123", "n": json.Number("1.10")}}},
	"connect with null":               {[]any{`0null`}, parser.Packet{Type: parser.CONNECT, Nsp: "/"}},
	"connect to a namespace":          {[]any{`0/admin,`}, parser.Packet{Type: parser.CONNECT, Nsp: "/admin"}},
	"connect to a namespace, v2":      {[]any{`0/admin`}, parser.Packet{Type: parser.CONNECT, Nsp: "/admin"}},
	"connect with a query, v2":        {[]any{`0/admin?x=1&y=a%2Cb,`}, parser.Packet{Type: parser.CONNECT, Nsp: "/admin?x=1&y=a%2Cb"}},
	"connect to a namespace and auth": {[]any{`0/admin,{"token":"a,b"}`}, parser.Packet{Type: parser.CONNECT, Nsp: "/admin", Data: map[string]any{"token": "a,b"}}},
	"connect error":                   {[]any{`4{"message":"Not authorized"}`}, parser.Packet{Type: parser.CONNECT_ERROR, Nsp: "/", Data: map[string]any{"message": "Not authorized"}}},
	"connect error, v2":               {[]any{`4/a,"Not authorized"`}, parser.Packet{Type: parser.CONNECT_ERROR, Nsp: "/a", Data: "Not authorized"}},
	"disconnect":                      {[]any{`1`}, parser.Packet{Type: parser.DISCONNECT, Nsp: "/"}},
	"disconnect from a namespace":     {[]any{`1/admin,`}, parser.Packet{Type: parser.DISCONNECT, Nsp: "/admin"}},

	"event":                  {[]any{`2["foo"]`}, event("foo")},
	"event with arguments":   {[]any{`2["hey","Jude",{"a":[1]},null]`}, event("hey", raw(`"Jude"`), raw(`{"a":[1]}`), raw(`null`))},
	"event in a namespace":   {[]any{`2/admin,["bar"]`}, inNamespace("/admin", event("bar"))},
	"event with an id":       {[]any{`212["foo",1]`}, withID(12, event("foo", raw(`1`)))},
	"event with id 0":        {[]any{`20["foo"]`}, withID(0, event("foo"))},
	"event, all of it":       {[]any{`2/admin,456["project:delete",123]`}, inNamespace("/admin", withID(456, event("project:delete", raw(`123`))))},
	"event with a large id":  {[]any{`218446744073709551615["a"]`}, withID(1<<64-1, event("a"))},
	"event of four":          {[]any{`21["a",1,2,3]`}, withID(1, event("a", raw(`1`), raw(`2`), raw(`3`)))},
	"event of many":          {[]any{`2["a",1,2,3,4,5,6,7,8,9]`}, event("a", raw(`1`), raw(`2`), raw(`3`), raw(`4`), raw(`5`), raw(`6`), raw(`7`), raw(`8`), raw(`9`))},
	"event named by number":  {[]any{`2[1,2]`}, event("1", raw(`2`))},
	"event name with escape": {[]any{`2["\u0066o\"o\n",2]`}, event("fo\"o\n", raw(`2`))},
	"event name, surrogate":  {[]any{`2["\ud800"]`}, event("\ufffd")},
	"event without name":     {[]any{`2["",""]`}, event("", raw(`""`))},
	"ack":                    {[]any{`3/admin,456[]`}, inNamespace("/admin", withID(456, ack()))},
	"ack with arguments":     {[]any{`312["connect",2]`}, withID(12, ack(raw(`"connect"`), raw(`2`)))},
	"space":                  {[]any{"2\t[ \"a\" , 1 ,\r\n{ \"b\" : [ ] , \"c\" : { } } ] \n"}, event("a", raw(`1`), raw(`{ "b" : [ ] , "c" : { } }`))},
	"placeholder in text":    {[]any{`2["a",{"_placeholder":true,"num":9}]`}, event("a", raw(`{"_placeholder":true,"num":9}`))},

	"numbers":         {[]any{`2["n",1e400,12345678901234567890123,-0,1.10,1E+2,0.0,-1.5e-7]`}, event("n", raw(`1e400`), raw(`12345678901234567890123`), raw(`-0`), raw(`1.10`), raw(`1E+2`), raw(`0.0`), raw(`-1.5e-7`))},
	"keys":            {[]any{`2["k",{"b":1,"a":2,"b":3,"":4}]`}, event("k", raw(`{"b":1,"a":2,"b":3,"":4}`))},
	"lone surrogates": {[]any{`2["s","\ud800","\udc00\ud800"]`}, event("s", raw(`"\ud800"`), raw(`"\udc00\ud800"`))},
	"escapes":         {[]any{`2["e","\u0000\u0041\/\b\f\n\r\t\"\\","<>&"]`}, event("e", raw(`"\u0000\u0041\/\b\f\n\r\t\"\\"`), raw(`"<>&"`))},
	"beyond ASCII":    {[]any{"2[\"é\",\"👩‍👩‍👧 \u2028\u007f\ufeff\"]"}, event("é", raw("\"👩‍👩‍👧 \u2028\u007f\ufeff\""))},
	"literals":        {[]any{`2["l",true,false,null]`}, event("l", raw(`true`), raw(`false`), raw(`null`))},

	"binary event":            {[]any{`51-["baz",{"_placeholder":true,"num":0}]`, []byte{1, 2}}, binaryEvent("baz", []byte{1, 2})},
	"binary, all of it":       {[]any{`52-/admin,456["a","b",{"_placeholder":true,"num":1},{"num":0,"_placeholder":true}]`, []byte{0}, []byte{1}}, inNamespace("/admin", withID(456, binaryEvent("a", raw(`"b"`), []byte{1}, []byte{0})))},
	"binary inside":           {[]any{`51-["a",{"n":1.10,"b":[true,{"_placeholder":true,"num":0}]},{"n":1.10}]`, []byte{7}}, binaryEvent("a", map[string]any{"n": json.Number("1.10"), "b": []any{true, []byte{7}}}, raw(`{"n":1.10}`))},
	"binary of no bytes":      {[]any{`51-["a",{"_placeholder":true,"num":0}]`, []byte{}}, binaryEvent("a", []byte{})},
	"binary, escaped key":     {[]any{`51-["a",{"\u005fplaceholder":true,"num":0}]`, []byte{7}}, binaryEvent("a", []byte{7})},
	"binary, no placeholder":  {[]any{`51-["a",{"_placeholder":"no","num":0},"_placeholder\u0020"]`, []byte{7}}, binaryEvent("a", raw(`{"_placeholder":"no","num":0}`), raw(`"_placeholder\u0020"`))},
	"binary, none announced":  {[]any{`50-["a",1]`}, binaryEvent("a", raw(`1`))},
	"binary, more in it":      {[]any{`51-["a",{"_placeholder":true,"num":0,"x":1}]`, []byte{7}}, binaryEvent("a", []byte{7})},
	"binary ack":              {[]any{`61-/admin,456[{"_placeholder":true,"num":0}]`, []byte{3}}, parser.Packet{Type: parser.BINARY_ACK, Nsp: "/admin", Id: ptr(uint64(456)), Data: []any{[]byte{3}}}},
	"binary of ten":           {[]any{`510-["a"]`, []byte{}, []byte{}, []byte{}, []byte{}, []byte{}, []byte{}, []byte{}, []byte{}, []byte{}, []byte{}}, binaryEvent("a")},
	"binary in a deep object": {[]any{`51-["a",` + strings.Repeat(`{"x":`, 3) + `{"_placeholder":true,"num":0}` + strings.Repeat(`}`, 3) + `]`, []byte{7}}, binaryEvent("a", map[string]any{"x": map[string]any{"x": map[string]any{"x": []byte{7}}}})},
}

func event(args ...any) parser.Packet {
	return parser.Packet{Type: parser.EVENT, Nsp: "/", Data: args}
}

func binaryEvent(args ...any) parser.Packet {
	return parser.Packet{Type: parser.BINARY_EVENT, Nsp: "/", Data: args}
}

func ack(args ...any) parser.Packet {
	if args == nil {
		args = []any{}
	}
	return parser.Packet{Type: parser.ACK, Nsp: "/", Data: args}
}

func inNamespace(nsp string, p parser.Packet) parser.Packet {
	p.Nsp = nsp
	return p
}

func withID(id uint64, p parser.Packet) parser.Packet {
	p.Id = &id
	return p
}

func TestDecode(t *testing.T) {
	for name, c := range packets {
		t.Run(name, func(t *testing.T) {
			requireEqual(t, decode(t, ours, c.frames...), &c.want)
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	const placeholder = `{"_placeholder":true,"num":0}`
	manyPlaceholders := `51-["a"` + strings.Repeat(","+placeholder, 900) + `]`
	for name, frames := range map[string][]any{
		"nothing":          {``},
		"no type":          {`["a"]`},
		"type 7":           {`7["a"]`},
		"type below":       {`/["a"]`},
		"not UTF-8":        {"2[\"a\",\"\xff\"]"},
		"half a surrogate": {"2[\"a\",\"\xed\xa0\x80\"]"},
		"a long namespace": {`2/` + strings.Repeat("n", 512) + `,["a"]`},
		"no comma":         {`2/admin["a"]`},
		"not a frame":      {1},
		"nil":              {nil},

		"id too large":       {`218446744073709551616["a"]`},
		"id of 21 digits":    {`2100000000000000000000["a"]`},
		"id of zeros":        {`200["a"]`},
		"id with zeros":      {`2012["a"]`},
		"id below zero":      {`2-1["a"]`},
		"id with a fraction": {`21.5["a"]`},

		"event without data":     {`2`},
		"event with id only":     {`212`},
		"event is an object":     {`2{"a":1}`},
		"event is a string":      {`2"a"`},
		"event without a name":   {`2[]`},
		"event named null":       {`2[null]`},
		"event named by object":  {`2[{"a":1}]`},
		"event named by array":   {`2[["a"]]`},
		"event named true":       {`2[true]`},
		"connect":                {`2["connect"]`},
		"connect_error":          {`2["connect_error"]`},
		"disconnect":             {`2["disconnect"]`},
		"disconnecting":          {`2["disconnecting"]`},
		"newListener":            {`2["newListener"]`},
		"removeListener":         {`2["removeListener"]`},
		"reserved, escaped":      {`2["\u0063onnect"]`},
		"reserved, binary":       {`51-["connect",` + placeholder + `]`, []byte{}},
		"ack without data":       {`31`},
		"ack is an object":       {`31{}`},
		"connect with an array":  {`0[]`},
		"connect with a string":  {`0"a"`},
		"connect with number":    {`0{}1`},
		"connect with bad JSON":  {`0{"a"}`},
		"disconnect with data":   {`1{}`},
		"connect error, nothing": {`4`},
		"connect error, number":  {`4 1`},

		"no JSON":            {`2["a",]`},
		"bare word":          {`2["a",b]`},
		"not ended":          {`2["a"`},
		"text not ended":     {`2["a`},
		"garbage behind":     {`2["a"]x`},
		"packet behind":      {`2["a"]["b"]`},
		"NUL":                {"2[\"a\",\"\x00\"]"},
		"NUL behind":         {"2[\"a\"]\x00"},
		"line feed in text":  {"2[\"a\n\"]"},
		"bad escape":         {`2["a","\x"]`},
		"short escape":       {`2["a","\u12"]`},
		"leading zero":       {`2["a",01]`},
		"plus":               {`2["a",+1]`},
		"only a minus":       {`2["a",-]`},
		"no fraction":        {`2["a",1.]`},
		"no exponent":        {`2["a",1e]`},
		"NaN":                {`2["a",NaN]`},
		"single quotes":      {`2['a']`},
		"comma in an object": {`2["a",{"b":1,}]`},
		"key without value":  {`2["a",{"b"}]`},
		"key is a number":    {`2["a",{1:1}]`},
		"two commas":         {`2["a",,1]`},
		"wrong bracket":      {`2["a",[}]`},
		"half a literal":     {`2["a",tru]`},
		"deep array":         {`2["a",` + strings.Repeat("[", 100_000)},
		"deep, and closed":   {`2["a",` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `]`},
		"deep object":        {`2["a",` + strings.Repeat(`{"a":`, 100_000)},
		"deep auth":          {`0` + strings.Repeat(`{"a":`, 100_000)},
		"deep binary":        {`51-["a",` + strings.Repeat(`{"_placeholder":`, 100_000)},
		"many arguments":     {`2["a"` + strings.Repeat(",1", 1000) + `]`},

		"attachments missing":        {`5["a"]`},
		"attachments without number": {`5-["a"]`},
		"attachments below zero":     {`5-1-["a"]`},
		"attachments not a number":   {`5x-["a"]`},
		"attachments with a zero":    {`501-["a"]`},
		"attachments, nothing else":  {`51`},
		"attachments, no event":      {`51-`},
		"attachments, no list":       {`51-{"_placeholder":true,"num":0}`},
		"too many attachments":       {`511-["a"]`},
		"far too many attachments":   {`599999999999999999999-["a"]`},
		"text for an attachment":     {`51-["a",` + placeholder + `]`, `2["b"]`},
		"attachment at first":        {[]byte{1}},
		"attachment too many":        {`51-["a",` + placeholder + `]`, []byte{1}, []byte{2}},
		"attachment after none":      {`50-["a"]`, []byte{1}},
		"placeholder after none":     {`50-["a",` + placeholder + `]`},
		"placeholder too high":       {`51-["a",{"_placeholder":true,"num":1}]`},
		"placeholder below zero":     {`51-["a",{"_placeholder":true,"num":-1}]`},
		"placeholder fraction":       {`51-["a",{"_placeholder":true,"num":0.5}]`},
		"placeholder of text":        {`51-["a",{"_placeholder":true,"num":"0"}]`},
		"placeholder of nothing":     {`51-["a",{"_placeholder":true}]`},
		"placeholder is huge":        {`51-["a",{"_placeholder":true,"num":1e99}]`},
		"placeholder for the name":   {`51-[` + placeholder + `]`},
		"one attachment, two places": {`51-["a",` + placeholder + `,[` + placeholder + `]]`},
		"one attachment, many":       {manyPlaceholders},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := add(ours.NewDecoder(), frames...)
			if !errors.Is(err, codec.ErrInvalidPacket) {
				t.Fatalf("got %v", err)
			}
			if len(err.Error()) > 300 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
	if _, err := add(ours.NewDecoder(), `511-["a"]`); !errors.Is(err, codec.ErrTooManyAttachments) {
		t.Errorf("too many attachments: %v", err)
	}
}

func TestOptions(t *testing.T) {
	var told []error
	p := codec.New(codec.Options{
		MaxAttachments: 1, MaxNamespaceBytes: 3, MaxDepth: 2, MaxArguments: 2,
		OnInvalid: func(err error) { told = append(told, err) },
	})
	for _, good := range []string{`2/ab,["a",[]]`, `0{"a":{}}`, `51-["a"]`} {
		if _, err := add(p.NewDecoder(), good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	if len(told) != 0 {
		t.Errorf("told of %v", told)
	}
	for i, bad := range []string{`2/abc,["a"]`, `2["a",[[]]]`, `2["a",{"a":[]}]`, `0{"a":{"b":[]}}`, `52-["a"]`, `2["a",1,2]`} {
		_, err := add(p.NewDecoder(), bad)
		if !errors.Is(err, codec.ErrInvalidPacket) {
			t.Errorf("%s: %v", bad, err)
		}
		if len(told) != i+1 || !errors.Is(told[i], err) {
			t.Errorf("%s: told of %v", bad, told)
		}
	}
}

// The engine may hand over the same buffer for every frame.
func TestDecoderKeepsNothingOfItsInput(t *testing.T) {
	text, attachment := []byte(`51-/n,["aa",{"x":1},{"_placeholder":true,"num":0}]`), []byte{1, 2, 3}
	packets, err := add(ours.NewDecoder(), types.NewStringBuffer(text), types.NewBytesBuffer(attachment))
	if err != nil {
		t.Fatal(err)
	}
	clear(text)
	clear(attachment)
	want := inNamespace("/n", binaryEvent("aa", raw(`{"x":1}`), []byte{1, 2, 3}))
	requireEqual(t, packets[0], &want)
}

func TestArgumentsDoNotGrowIntoEachOther(t *testing.T) {
	args := decode(t, ours, `21["a",1,2]`).Data.([]any)
	_ = append(args[1].(json.RawMessage), "999"...)
	requireEqual(t, args, []any{"a", raw(`1`), raw(`2`)})
}

type closingReader struct {
	io.Reader
	closed bool
}

func (r *closingReader) Close() error {
	r.closed = true
	return nil
}

func TestAddTakesWhatEnginesGive(t *testing.T) {
	const header = `51-["a",{"_placeholder":true,"num":0}]`
	want := binaryEvent("a", []byte("bytes"))
	reader := &closingReader{Reader: strings.NewReader("bytes")}
	for name, frames := range map[string][]any{
		"strings": {header, []byte("bytes")},
		"buffers": {types.NewStringBufferString(header), types.NewBytesBufferString("bytes")},
		"readers": {strings.NewReader(header), reader},
	} {
		t.Run(name, func(t *testing.T) { requireEqual(t, decode(t, ours, frames...), &want) })
	}
	if !reader.closed {
		t.Error("the reader was not closed")
	}
}

func TestDestroyDropsTheWaitingPacket(t *testing.T) {
	d := ours.NewDecoder()
	if packets, err := add(d, `51-["a",{"_placeholder":true,"num":0}]`); err != nil || len(packets) > 0 {
		t.Fatal(packets, err)
	}
	d.Destroy()
	if _, err := add(d, []byte{1}); !errors.Is(err, codec.ErrInvalidPacket) {
		t.Fatalf("got %v", err)
	}
	if packets, err := add(d, `2["b"]`); err != nil || len(packets) != 1 {
		t.Fatal(packets, err)
	}
}

// Destroy comes from the goroutine that closes the connection.
func TestDestroyWhileDecoding(*testing.T) {
	d := ours.NewDecoder()
	listen := func(...any) {}
	_ = d.On("decoded", listen)
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.RemoveListener("decoded", listen)
		d.Destroy()
	}()
	for range 100 {
		_ = d.Add(`51-["a",{"_placeholder":true,"num":0}]`)
		_ = d.Add([]byte{1})
	}
	<-done
}

// A decoder keeps names for the next packet, and nothing else.
func TestPacketsFollowEachOther(t *testing.T) {
	packets, err := add(ours.NewDecoder(), `2/n,["a",1]`, `2/n,["a",2]`, `2/o,1["b",3]`, `2["a\n"]`, `2/n,["a",4]`, `2["connect"]`)
	if !errors.Is(err, codec.ErrInvalidPacket) {
		t.Fatal(err)
	}
	for i, want := range []parser.Packet{
		inNamespace("/n", event("a", raw(`1`))),
		inNamespace("/n", event("a", raw(`2`))),
		inNamespace("/o", withID(1, event("b", raw(`3`)))),
		event("a\n"),
		inNamespace("/n", event("a", raw(`4`))),
	} {
		requireEqual(t, packets[i], &want)
	}
}
