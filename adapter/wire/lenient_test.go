package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"chorus/adapter/wire/msgpack"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestBroadcastsOfOtherEmitters: what PHP, Python, Rust and Go programs publish reaches whom it would reach
// on a Node.js server.
func TestBroadcastsOfOtherEmitters(t *testing.T) {
	t.Parallel()
	packet := map[string]any{"type": 2, "data": []any{"evt", "hi"}, "nsp": "/"}
	broadcast := func(opts any) []any { return []any{"emitter", packet, opts} }
	for _, test := range []struct {
		name    string
		message []any
		rooms   []socket.Room
		except  []socket.Room
	}{
		{name: "lists for maps", message: broadcast(map[string]any{"rooms": []any{}, "flags": []any{}})},
		{name: "flags as text", message: broadcast(map[string]any{"rooms": []any{}, "flags": ""})},
		{name: "flags as a longer text", message: broadcast(map[string]any{"flags": "volatile"})},
		{name: "flags as a number", message: broadcast(map[string]any{"flags": 7})},
		{name: "flags as false", message: broadcast(map[string]any{"flags": false})},
		{name: "rooms as an empty text", message: broadcast(map[string]any{"rooms": "", "flags": map[string]any{}})},
		{name: "rooms as nil", message: broadcast(map[string]any{"rooms": nil})},
		{name: "rooms as false", message: broadcast(map[string]any{"rooms": false})},
		{name: "rooms as 0", message: broadcast(map[string]any{"rooms": 0})},
		{name: "except as nil", message: broadcast(map[string]any{"rooms": []any{"r"}, "except": nil}), rooms: []socket.Room{"r"}},
		{name: "no rooms", message: broadcast(map[string]any{"except": []any{"x"}}), except: []socket.Room{"x"}},
		{name: "options as a list", message: broadcast([]any{})},
		{name: "options as nil", message: broadcast(nil)},
		{name: "options as text", message: broadcast("")},
		{name: "rooms of other types", message: broadcast(map[string]any{"rooms": []any{nil, true, 1.5, 7}}), rooms: []socket.Room{"null", "true", "1.5", "7"}},
		{name: "uid nil", message: []any{nil, packet, map[string]any{}}},
		{name: "uid a number", message: []any{7, packet, map[string]any{}}},
		{name: "uid bytes", message: []any{[]byte("emitter"), packet, map[string]any{}}},
		{name: "a fourth element", message: []any{"emitter", packet, map[string]any{"rooms": []any{"r"}}, "more"}, rooms: []socket.Room{"r"}},
		{name: "type as a float", message: []any{"emitter", map[string]any{"type": 2.0, "data": []any{"evt", "hi"}}, map[string]any{}}},
		{name: "type as text", message: []any{"emitter", map[string]any{"type": "2", "data": []any{"evt", "hi"}}, map[string]any{}}},
		{name: "nsp nil", message: []any{"emitter", map[string]any{"type": 2, "data": []any{"evt", "hi"}, "nsp": nil}, map[string]any{}}},
	} {
		for _, raw := range []bool{true, false} {
			m, err := decodeMessage("/", raw)(ReadBroadcast(mustAppend(t, test.message)))
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			want := []any{"evt", "hi"}
			if raw {
				want[1] = json.RawMessage(`"hi"`)
			}
			if !reflect.DeepEqual(m.Packet.Data, want) || !slices.Equal(m.Opts.Rooms, test.rooms) || !slices.Equal(m.Opts.Except, test.except) {
				t.Errorf("%s: %v for %q except %q", test.name, m.Packet.Data, m.Opts.Rooms, m.Opts.Except)
			}
		}
	}
}

// TestRequestsOfOtherEmitters does the same with requests, and with frames of the other formats.
func TestRequestsOfOtherEmitters(t *testing.T) {
	t.Parallel()
	type want struct {
		kind   Kind
		server string
		id     string
		rooms  []socket.Room
		opts   []socket.Room
		close  bool
	}
	check := func(name string, w want, m *Message, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		got := want{m.Kind, m.Server, m.RequestID, m.Rooms, m.Opts.Rooms, m.Close}
		if got.kind != w.kind || got.server != w.server || got.id != w.id || got.close != w.close || !slices.Equal(got.rooms, w.rooms) || !slices.Equal(got.opts, w.opts) {
			t.Errorf("%s: got %+v, want %+v", name, got, w)
		}
	}
	for text, w := range map[string]want{
		`{"type":2,"opts":[],"rooms":["a"]}`:                                 {kind: Join, rooms: []socket.Room{"a"}},
		`{"type":2.0,"uid":7,"opts":{"rooms":"","except":null},"rooms":"a"}`: {kind: Join, server: "7", rooms: []socket.Room{"a"}},
		`{"type":3,"uid":null,"opts":{"rooms":["r",7]},"rooms":[7]}`:         {kind: Leave, rooms: []socket.Room{"7"}, opts: []socket.Room{"r", "7"}},
		`{"type":4,"opts":{"rooms":false},"close":1}`:                        {kind: Disconnect, close: true},
		`{"type":4,"opts":{"rooms":["r"]},"close":""}`:                       {kind: Disconnect, opts: []socket.Room{"r"}},
		`{"type":5,"requestId":12,"opts":[]}`:                                {kind: Fetch, id: "12"},
		`{"type":4,"opts":"","sid":"s","close":true}`:                        {kind: Disconnect, opts: []socket.Room{"s"}, close: true},
	} {
		m, err := ReadRequest([]byte(text))
		check(text, w, m, err)
	}
	for text, w := range map[string]want{
		`{"uid":7,"nsp":"/","type":4.0,"data":{"opts":[],"rooms":"a"}}`:                            {kind: Join, server: "7", rooms: []socket.Room{"a"}},
		`{"nsp":"/","type":6,"data":{"opts":{"rooms":"","except":null},"close":"yes"}}`:            {kind: Disconnect, close: true},
		`{"uid":null,"nsp":"/","type":7,"data":{"opts":{"rooms":["r"],"flags":""},"requestId":5}}`: {kind: Fetch, id: "5", opts: []socket.Room{"r"}},
	} {
		m, err := decodeMessage("/", true)(ReadFrame([]byte(text)))
		check(text, w, m, err)
		packed, _, _ := msgpack.FromJSON(nil, []byte(text), 0)
		m, err = decodeMessage("/", true)(ReadFrame(packed))
		check("packed "+text, w, m, err)
	}
}

// TestMemoryIsInProportion: whatever headers a message announces, to decode it takes memory in proportion
// to its bytes.
func TestMemoryIsInProportion(t *testing.T) { // not parallel: it counts what the process allocates
	const size = 1 << 20
	flags, _ := hex.DecodeString("93a17583a474797065" + "02a464617461" + "91a165a36e7370a12f81a5666c616773")
	for name, fill := range map[string]string{
		"map headers": "df0003ffff" + "a161", "array headers": "dd000fffff", "short maps": "deffffa161", "short arrays": "dcffff",
		"small arrays": "91", "strings": "db000fffff",
	} {
		unit, _ := hex.DecodeString(fill)
		body := bytes.Repeat(unit, size/len(unit))
		for reader, read := range map[string]func() error{
			"flags": func() error {
				_, err := decodeMessage("/", true)(ReadBroadcast(append(slices.Clone(flags), body...)))
				return err
			},
			"arguments": func() error {
				b := append([]byte{0x93, 0xa1, 'u', 0x82, 0xa4, 't', 'y', 'p', 'e', 2, 0xa4, 'd', 'a', 't', 'a', 0x92, 0xa1, 'e'}, body...)
				_, err := readEvent(b[3:], false)
				return err
			},
			"a value": func() error { _, _, err := msgpack.Read(body, 0); return err },
			"rooms":   func() error { _, _, err := ReadRooms(body); return err },
			"a frame": func() error {
				_, err := decodeMessage("/", true)(ReadFrame(append([]byte{0x81, 0xa4, 'd', 'a', 't', 'a'}, body...)))
				return err
			},
			"a request": func() error {
				_, err := decodeMessage("/", true)(ReadRequest(append([]byte{0x81, 0xa4, 'o', 'p', 't', 's', 0x81, 0xa5, 'f', 'l', 'a', 'g', 's'}, body...)))
				return err
			},
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := read()
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 16*size {
				t.Errorf("%s as %s: %d bytes are allocated for %d (%v)", name, reader, got, size, err)
			}
		}
	}
	text := fmt.Appendf(nil, `{"type":2,"opts":{"rooms":[%s"r"]}}`, bytes.Repeat([]byte("[],"), size/3))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = ReadRequest(text)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 64*size {
		t.Errorf("rooms in JSON: %d bytes are allocated for %d", got, len(text))
	}
}
