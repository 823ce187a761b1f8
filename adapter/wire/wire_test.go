package wire

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"chorus/adapter/wire/msgpack"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// mustAppend writes a value as MessagePack.
func mustAppend(t testing.TB, v any) []byte {
	t.Helper()
	b, err := msgpack.Append(nil, v, 0)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decodeMessage decodes what a reader has returned.
func decodeMessage(nsp string, raw bool) func(*Message, error) (*Message, error) {
	return func(m *Message, err error) (*Message, error) {
		if err == nil {
			err = m.Decode(raw)
		}
		if err == nil && m.Kind == Broadcast {
			err = m.DecodePacket(nsp, raw)
		}
		if err != nil {
			return nil, err
		}
		m.body = nil
		return m, nil
	}
}

func TestOptionsSurviveTheWire(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	timeout := 1500 * time.Millisecond
	for _, test := range []struct {
		name string
		opts *socket.BroadcastOptions
		want socket.BroadcastFlags
	}{
		{"none", nil, socket.BroadcastFlags{}},
		{"no flags", &socket.BroadcastOptions{Rooms: types.NewSet[socket.Room]("r")}, socket.BroadcastFlags{}},
		{"volatile", &socket.BroadcastOptions{Flags: &socket.BroadcastFlags{WriteOptions: socket.WriteOptions{Volatile: true}}},
			socket.BroadcastFlags{WriteOptions: socket.WriteOptions{Volatile: true}}},
		{"compress", withCompress(&yes), *withCompress(&yes).Flags},
		{"do not compress", withCompress(&no), *withCompress(&no).Flags},
		{"timeout", &socket.BroadcastOptions{Flags: &socket.BroadcastFlags{Timeout: &timeout}}, socket.BroadcastFlags{Timeout: &timeout}},
		{"what concerns the sender alone", &socket.BroadcastOptions{Flags: &socket.BroadcastFlags{
			Local: true, Broadcast: true, Binary: true, ExpectSingleResponse: true}}, socket.BroadcastFlags{}},
		{"rooms", &socket.BroadcastOptions{
			Rooms: types.NewSet[socket.Room]("a", "b#", "7", "🙂", ""), Except: types.NewSet[socket.Room]("c")}, socket.BroadcastFlags{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sent := NewOptions(test.opts)
			sent.Latest = test.name
			got, rest, err := readOptions(appendOptions(nil, sent))
			if err != nil || len(rest) != 0 {
				t.Fatalf("%v, %d bytes left", err, len(rest))
			}
			// A room that is the text of a number is there a second time, as the number.
			if !slices.Equal(once(got.Rooms), once(sent.Rooms)) || !slices.Equal(once(got.Except), once(sent.Except)) {
				t.Errorf("rooms %v except %v, want %v except %v", got.Rooms, got.Except, sent.Rooms, sent.Except)
			}
			if !reflect.DeepEqual(got.Flags, test.want) {
				t.Errorf("flags %+v, want %+v", got.Flags, test.want)
			}
			if got.Latest != test.name {
				t.Errorf("the newest of %q, want %q", got.Latest, test.name)
			}
			if opts := got.BroadcastOptions(); opts.Rooms.Len() != len(sent.Rooms) || opts.Except.Len() != len(sent.Except) {
				t.Errorf("for the library: %v except %v", opts.Rooms.Keys(), opts.Except.Keys())
			}
		})
	}
}

// once returns every room once.
func once(rooms []socket.Room) []socket.Room {
	return slices.Compact(slices.Sorted(slices.Values(rooms)))
}

// TestRoomsThatAreNumbers: a room of Node.js may be a number, and to Node.js that is not the room of its text. What
// selects sockets names both.
func TestRoomsThatAreNumbers(t *testing.T) {
	t.Parallel()
	rooms := []socket.Room{"r", "7", "0", "-12", "9007199254740991", "07", "+7", "-0", "7.0", "1e3", "9007199254740992", " 7", ""}
	const want = `["r","7","0","-12","9007199254740991","07","+7","-0","7.0","1e3","9007199254740992"," 7","",7,0,-12,9007199254740991]`
	if got := string(appendTextSelection(nil, rooms)); got != want {
		t.Errorf("as JSON: %s, want %s", got, want)
	}
	if got := readJSON(t, appendSelection(nil, rooms)); got != want {
		t.Errorf("as MessagePack: %s, want %s", got, want)
	}
	for k, twice := range map[Kind]bool{Join: false, Leave: true} { // a socket is to be in one of them
		m := Message{Kind: k, Rooms: []socket.Room{"7"}, Opts: Options{Rooms: []socket.Room{"8"}}}
		classic, err := EncodeRequest("u", "/", &m)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := appendTextData(nil, &m)
		packed, _ := appendPackedData(nil, "/", &m)
		list := `"rooms":["7"]`
		if twice {
			list = `"rooms":["7",7]`
		}
		for _, written := range [][]byte{classic, text, []byte(readJSON(t, packed))} {
			if !strings.Contains(string(written), list) || !strings.Contains(string(written), `"rooms":["8",8]`) {
				t.Errorf("kind %d: %s, want %s", k, written, list)
			}
		}
	}
}

func withCompress(compress *bool) *socket.BroadcastOptions {
	flags := &socket.BroadcastFlags{}
	flags.Compress = compress
	return &socket.BroadcastOptions{Flags: flags}
}

func TestForeignOptions(t *testing.T) {
	t.Parallel()
	second := time.Second
	for _, test := range []struct {
		name string
		v    map[string]any
		want Options
	}{
		{"nothing", map[string]any{}, Options{}},
		{"numbers as rooms", map[string]any{"rooms": []any{7, -1, uint64(math.MaxUint64), 1.5, "7"}},
			Options{Rooms: []socket.Room{"7", "-1", "18446744073709551615", "1.5", "7"}}},
		{"flags that are nil", map[string]any{"flags": nil}, Options{}},
		{"flags of other types", map[string]any{"flags": map[string]any{"volatile": 0, "compress": "no", "timeout": "soon"}}, Options{}},
		{"whole timeout", map[string]any{"flags": map[string]any{"timeout": 1000}}, Options{Flags: socket.BroadcastFlags{Timeout: &second}}},
		{"unsigned timeout", map[string]any{"flags": map[string]any{"timeout": uint64(1000)}}, Options{Flags: socket.BroadcastFlags{Timeout: &second}}},
		{"the newest of a name", map[string]any{"flags": map[string]any{"latest": "typing"}}, Options{Latest: "typing"}},
		{"a name that is none", map[string]any{"flags": map[string]any{"latest": 7}}, Options{}},
		{"unknown fields", map[string]any{"flags": map[string]any{"binary": []byte{1}, "new": map[string]any{}}, "more": []any{1}}, Options{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, rest, err := readOptions(mustAppend(t, test.v))
			if err != nil || len(rest) != 0 {
				t.Fatalf("%v, %d bytes left", err, len(rest))
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	for name, v := range map[string]any{
		"except as a map": map[string]any{"except": map[string]any{}},
		"rooms as true":   map[string]any{"rooms": true},
		"rooms as number": map[string]any{"rooms": 7},
	} {
		if _, _, err := readOptions(mustAppend(t, v)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestPackets(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		v    any
		nsp  string
		want []any // nil: refused
	}{
		{"event", map[string]any{"type": 2, "data": []any{"e", 1}, "nsp": "/"}, "/", []any{"e", int64(1)}},
		{"event of type 5", map[string]any{"type": 5, "data": []any{"e"}, "nsp": "/"}, "/", []any{"e"}},
		{"event without a namespace", map[string]any{"type": 2, "data": []any{"e"}}, "/", []any{"e"}},
		{"event with more in it", map[string]any{"type": 2, "data": []any{"e"}, "id": 7, "options": map[string]any{}}, "/", []any{"e"}},
		{"custom namespace", map[string]any{"type": 2, "data": []any{"e"}, "nsp": "/chat"}, "/chat", []any{"e"}},
		{"another namespace", map[string]any{"type": 2, "data": []any{"e"}, "nsp": "/chat"}, "/", nil},
		{"no namespace on a custom one", map[string]any{"type": 2, "data": []any{"e"}}, "/chat", nil},
		{"no type", map[string]any{"data": []any{"e"}}, "/", nil},
		{"CONNECT", map[string]any{"type": 0, "data": []any{"e"}}, "/", nil},
		{"DISCONNECT", map[string]any{"type": 1, "data": []any{"e"}}, "/", nil},
		{"ACK", map[string]any{"type": 3, "data": []any{"e"}}, "/", nil},
		{"negative type", map[string]any{"type": -2, "data": []any{"e"}}, "/", nil},
		{"no data", map[string]any{"type": 2}, "/", nil},
		{"empty data", map[string]any{"type": 2, "data": []any{}}, "/", nil},
		{"data as a map", map[string]any{"type": 2, "data": map[string]any{"0": "e"}}, "/", nil},
		{"namespace as a number", map[string]any{"type": 2, "data": []any{"e"}, "nsp": 1}, "/", nil},
		{"a list", []any{2, []any{"e"}, "/"}, "/", nil},
		{"nil", nil, "/", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			packet, err := readPacket(mustAppend(t, test.v), test.nsp, false)
			if test.want == nil {
				if err == nil {
					t.Errorf("accepted as %+v", packet)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if packet.Type != parser.EVENT || packet.Nsp != test.nsp || (packet.Id != nil) != (test.name == "event with more in it") || !reflect.DeepEqual(packet.Data, test.want) {
				t.Errorf("got %+v, want %v", packet, test.want)
			}
		})
	}
}

func TestBroadcastHeads(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"empty array":  []any{},
		"two elements": []any{"uid", map[string]any{}},
		"no array":     map[string]any{"uid": "u"},
		"text":         "uid",
	} {
		if m, err := ReadBroadcast(mustAppend(t, v)); err == nil {
			t.Errorf("%s: the sender is %q, want an error", name, m.Server)
		}
	}
	if _, err := ReadBroadcast(mustAppend(t, []any{"uid"})); !errors.Is(err, ErrMalformed) {
		t.Errorf("the error is %v", err)
	}
	full := mustAppend(t, []any{"u", map[string]any{"type": 2, "data": []any{"e"}}, map[string]any{"rooms": []any{"r"}}})
	for n := range full { // cut off anywhere
		if _, err := decodeMessage("/", false)(ReadBroadcast(full[:n])); err == nil {
			t.Errorf("%d of %d bytes are accepted", n, len(full))
		}
	}
}

func TestUnsendablePacket(t *testing.T) {
	t.Parallel()
	packet := &parser.Packet{Type: parser.EVENT, Data: []any{"e", func() {}}}
	if _, err := EncodeBroadcast("uid", packet, "/", Options{}); err == nil {
		t.Error("a function is sent")
	}
}

func TestBroadcastRequests(t *testing.T) {
	t.Parallel()
	good := func() map[string]any {
		return map[string]any{"uid": "u", "requestId": "r", "type": 7,
			"packet": map[string]any{"type": 2, "data": []any{"e"}}, "opts": map[string]any{"rooms": []any{7}}}
	}
	r, err := readBroadcastRequest(mustAppend(t, good()))
	if err != nil || r.Server != "u" || r.RequestID != "r" || !slices.Equal(r.Opts.Rooms, []socket.Room{"7"}) {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, test := range []struct {
		name   string
		change func(m map[string]any)
	}{
		{"no request id", func(m map[string]any) { delete(m, "requestId") }},
		{"no type", func(m map[string]any) { delete(m, "type") }},
		{"another type", func(m map[string]any) { m["type"] = 5 }},
		{"no packet", func(m map[string]any) { delete(m, "packet") }},
	} {
		m := good()
		test.change(m)
		if r, err := readBroadcastRequest(mustAppend(t, m)); err == nil {
			t.Errorf("%s: accepted as %+v", test.name, r)
		}
	}
}

func TestAckResponses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		v    any
		want any
		ok   bool
	}{
		{"text", map[string]any{"type": 9, "requestId": "r", "packet": "x"}, "x", true},
		{"nil", map[string]any{"type": 9, "requestId": "r", "packet": nil}, nil, true},
		{"missing", map[string]any{"type": 9, "requestId": "r"}, nil, true},
		{"binary", map[string]any{"type": 9, "requestId": "r", "packet": []byte{1}}, []byte{1}, true},
		{"with more in it", map[string]any{"type": 9, "requestId": "r", "packet": 1, "uid": "u"}, int64(1), true},
		{"another type", map[string]any{"type": 8, "requestId": "r", "packet": 1}, nil, false},
		{"no type", map[string]any{"requestId": "r", "packet": 1}, nil, false},
		{"a list", []any{9, "r", 1}, nil, false},
	} {
		r, err := decodeMessage("/", false)(readAckResponse(mustAppend(t, test.v)))
		if (err == nil) != test.ok || test.ok && (r.RequestID != "r" || !reflect.DeepEqual(r.Value, test.want)) {
			t.Errorf("%s: %+v, %v", test.name, r, err)
		}
	}
	// The last value of a message ends the buffer; a date is easily overlooked there.
	b := msgp.AppendMapHeader(nil, 2)
	b = msgp.AppendInt(msgp.AppendString(b, "type"), int(typeAck))
	b = msgp.AppendTimeExt(msgp.AppendString(b, "packet"), time.Unix(1, 0))
	if r, err := decodeMessage("/", false)(readAckResponse(b)); err != nil || r.Value != "1970-01-01T00:00:01.000Z" {
		t.Errorf("a date as the answer: %v, %v", r.Value, err)
	}
}

func TestRoomLists(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]roomList{
		`[]`:                      {},
		`null`:                    {},
		`["a","",7,-1,1.5]`:       {"a", "", "7", "-1", "1.5"},
		`[9007199254740991, 1e3]`: {"9007199254740991", "1000"},
		`["7",7,"8"]`:             {"7", "8"},
		`[null,true,{}]`:          {"null", "true", "[object Object]"},
		`""`:                      {},
		`false`:                   {},
		`0`:                       {},
		`"ab"`:                    {"a", "b"},
	} {
		var got roomList
		if err := json.Unmarshal([]byte(text), &got); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{`{}`, `true`, `7`} {
		var got roomList
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is accepted as %q", text, got)
		}
	}
	for want, list := range map[string]roomList{`[]`: nil, `["a","7"]`: {"a", "7"}} {
		if got, err := json.Marshal(list); err != nil || string(got) != want {
			t.Errorf("%q is written as %s, %v", list, got, err)
		}
	}
}

// TestFetchedSocketOfAnotherShape: what a foreign server says of a socket is taken as far as it fits.
func TestFetchedSocketOfAnotherShape(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"id":"A"}`,
		`{"id":"A","handshake":null,"rooms":[],"data":null}`,
		`{"id":"A","handshake":"none","rooms":[7]}`,
		`{"id":"A","handshake":{"headers":[],"issued":"today"},"data":[1]}`,
	} {
		var w wireSocket
		if err := json.Unmarshal([]byte(text), &w); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		s := newRemoteSocket(w)
		if s.Id() != "A" || s.Handshake() == nil || s.Rooms() == nil {
			t.Errorf("%s: %+v", text, s)
		}
	}
}
