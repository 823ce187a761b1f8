package wire

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"chorus/adapter/wire/internal/peervalue"
	"chorus/adapter/wire/msgpack"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

const (
	shardedUID   = "af068be4454cdcf8"
	shardedOther = "0f693db458f91771"
	shardedSid   = "83zEJ8NgoaYQA_dfAAAD"
)

// decodeFrame reads a message of the main namespace, or of the one that it names.
func decodeFrame(t *testing.T, payload []byte, raw bool) *Message {
	t.Helper()
	m, err := ReadFrame(payload)
	if err == nil {
		m, err = decodeMessage(m.Nsp, raw)(m, nil)
	}
	if err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	return m
}

func TestShardedVectors(t *testing.T) {
	t.Parallel()
	no, second := false, time.Second
	none := []socket.Room{}
	opts := func(rooms ...socket.Room) Options {
		return Options{Rooms: append([]socket.Room{}, rooms...), Except: none}
	}
	event := func(opts Options, data ...any) Message {
		return Message{Kind: Broadcast, Opts: opts, Packet: &parser.Packet{Type: parser.EVENT, Nsp: "/", Data: data}}
	}
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }
	with := func(m Message, change func(*Message)) Message { change(&m); return m }
	type sent struct {
		Message
		nsp     string
		channel string
	}
	const all = "socket.io#/#"
	answers := all + shardedUID + "#"
	wants := map[string]map[Kind]sent{
		"emit to all": {Broadcast: {Message: event(opts(), "hello", raw("1"), raw(`"two"`), raw(`{"three":[null,true,1.5,-3,"é"]}`))}},
		"emit to one room": {Broadcast: {channel: "socket.io#/#r1#",
			Message: event(opts("r1"), "hello", raw(`"room"`))}},
		"emit to two rooms except one": {Broadcast: {Message: event(Options{Rooms: []socket.Room{"r1", "r2"}, Except: []socket.Room{"r3"}},
			"hello", raw(`"rooms"`))}},
		"emit to a socket id": {Broadcast: {Message: event(opts(shardedSid), "hello", raw(`"private"`))}},
		"emit volatile":       {Broadcast: {Message: with(event(opts(), "hello", raw(`"v"`)), func(m *Message) { m.Opts.Flags.Volatile = true })}},
		"emit binary":         {Broadcast: {Message: event(opts(), "bin", []byte{0, 1, 255})}},
		"emit date, undefined, bigger numbers": {Broadcast: {Message: event(opts(), "odd",
			raw(`"1970-01-01T00:00:00.000Z"`), raw("null"), raw("9007199254740991"), raw("-2147483649"))}},
		"emit with compress flag": {Broadcast: {Message: with(event(opts(), "hello", raw(`"c"`)), func(m *Message) { m.Opts.Flags.Compress = &no })}},
		"broadcast with ack": {
			Broadcast: {Message: with(event(opts(), "ask", raw(`"q"`)), func(m *Message) {
				m.RequestID, m.Opts.Flags.Timeout = "2a55ceb7343089f2", &second
			})},
			ClientCount: {channel: answers, Message: Message{Kind: ClientCount, Server: shardedOther, RequestID: "2a55ceb7343089f2", ClientCount: 1}},
			Ack:         {channel: answers, Message: Message{Kind: Ack, Server: shardedOther, RequestID: "2a55ceb7343089f2", Value: raw(`"answer"`)}},
		},
		"fetchSockets": {
			Fetch:   {Message: Message{Kind: Fetch, RequestID: "35aa7bba96cdd274", Opts: opts()}},
			Fetched: {channel: answers, Message: Message{Kind: Fetched, Server: shardedOther, RequestID: "35aa7bba96cdd274"}},
		},
		"socketsJoin":    {Join: {Message: Message{Kind: Join, Opts: opts("r1"), Rooms: []socket.Room{"r5", "r6"}}}},
		"socketsLeave":   {Leave: {Message: Message{Kind: Leave, Opts: opts("r1"), Rooms: []socket.Room{"r5"}}}},
		"serverSideEmit": {Event: {Message: Message{Kind: Event, Args: []any{"sse", raw("1")}}}},
		"serverSideEmit with ack": {
			Event:       {Message: Message{Kind: Event, RequestID: "428727f44e2ed535", Args: []any{"sse", raw(`"x"`)}}},
			EventAnswer: {channel: answers, Message: Message{Kind: EventAnswer, Server: shardedOther, RequestID: "428727f44e2ed535", Value: raw(`"sse-answer"`)}},
		},
		"custom namespace emit": {Broadcast: {nsp: "/chat", channel: "socket.io#/chat#", Message: with(event(opts(), "hello", raw(`"ns"`)), func(m *Message) {
			m.Server, m.Packet.Nsp = "66c145a3b10c4449", "/chat"
		})}},
		"disconnectSockets": {Disconnect: {Message: Message{Kind: Disconnect, Opts: opts(shardedSid), Close: true}}},
	}
	seen := 0
	for _, v := range readVectorsOf(t, "sharded") {
		if v.Command != "SPUBLISH" {
			continue
		}
		seen++
		got := decodeFrame(t, v.Args[1], true)
		want, ok := wants[v.Op][got.Kind]
		if !ok {
			t.Errorf("%s: unknown vector of type %d", v.Op, got.Kind)
			continue
		}
		want.Nsp = cmpOr(want.nsp, "/")
		want.Server = cmpOr(want.Server, shardedUID)
		if want.channel = cmpOr(want.channel, all); want.channel != string(v.Args[0]) {
			t.Errorf("%s: published on %s", v.Op, v.Args[0])
		}
		sockets := got.Sockets
		got.Sockets = nil
		if !reflect.DeepEqual(*got, want.Message) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", v.Op, *got, want.Message)
		}
		got.Sockets = sockets

		if got.Kind < Fetched || got.Kind == Event {
			if channel := Dynamic.ChannelOf("socket.io#"+got.Nsp+"#", got); channel != want.channel {
				t.Errorf("%s: we publish on %s", v.Op, channel)
			}
		}
		again, err := AppendFrame(nil, got.Server, got.Nsp, got)
		if err != nil {
			t.Fatal(err)
		}
		if got.Kind == Fetched {
			checkShardedSockets(t, got)
			continue // what is sent of sockets that are here is another matter
		}
		if theirs, ours := meaning(t, v.Args[1]), meaning(t, again); !peervalue.Same(theirs, ours) {
			t.Errorf("%s:\nwe send   %v\nthey send %v", v.Op, ours, theirs)
		}
	}
	if seen != 20 {
		t.Errorf("%d messages", seen)
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// meaning is what a Node.js peer decodes, without the namespace in the packet, which it replaces.
func meaning(t *testing.T, payload []byte) any {
	t.Helper()
	packed := payload
	if isJSON(payload) {
		var err error
		if packed, _, err = msgpack.FromJSON(nil, payload, 0); err != nil {
			t.Fatal(err)
		}
	}
	v, _, err := msgpack.Read(packed, 0)
	if err != nil {
		t.Fatal(err)
	}
	if data, ok := v.(map[string]any)["data"].(map[string]any); ok {
		if packet, ok := data["packet"].(map[string]any); ok {
			delete(packet, "nsp")
		}
	}
	return v
}

func checkShardedSockets(t *testing.T, m *Message) {
	t.Helper()
	check := func(sockets []socket.SocketDetails) {
		t.Helper()
		if len(sockets) != 1 {
			t.Fatalf("%d sockets", len(sockets))
		}
		s := sockets[0]
		if s.Id() != shardedSid || !s.Rooms().Has("r1") || s.Rooms().Len() != 2 || !reflect.DeepEqual(s.Data(), map[string]any{"user": "u"}) ||
			s.Handshake().Headers["upgrade"] != "websocket" || s.Handshake().Issued != 1795471081921 {
			t.Errorf("got %+v", s)
		}
	}
	check(m.Sockets())
	for _, data := range []map[string]any{{"user": "u"}, {"user": "u", "key": []byte{1, 2}}} {
		s := *m.Sockets()[0].(*remoteSocket)
		s.data = data
		payload, err := AppendFrame(nil, "uid", "/", &Message{Kind: Fetched, RequestID: "r", Sockets: func() []socket.SocketDetails { return []socket.SocketDetails{&s} }})
		if err != nil {
			t.Fatal(err)
		}
		_, packed := data["key"]
		if isJSON(payload) == packed {
			t.Errorf("with %v it is sent as %q", data, payload)
		}
		again := decodeFrame(t, payload, true)
		sockets := again.Sockets()
		if got := sockets[0].Data(); !reflect.DeepEqual(got, any(data)) {
			t.Errorf("the data is %#v, want %#v", got, data)
		}
		sockets[0].(*remoteSocket).data = map[string]any{"user": "u"}
		check(sockets)
	}
}

func TestShardedVectorsSubscriptions(t *testing.T) {
	t.Parallel()
	names := map[string]bool{"socket.io#/#": true, "socket.io#/chat#": true, "socket.io#/chat#66c145a3b10c4449#": true}
	for _, uid := range []string{shardedUID, shardedOther} {
		names["socket.io#/#"+uid+"#"] = true
	}
	for _, room := range []socket.Room{"r1", "r5", "r6"} {
		m := &Message{Kind: Broadcast, Opts: Options{Rooms: []socket.Room{room}}}
		names[Dynamic.ChannelOf("socket.io#/#", m)] = true
	}
	for _, v := range readVectorsOf(t, "sharded") {
		switch v.Command {
		case "SSUBSCRIBE", "SUNSUBSCRIBE":
			for _, name := range v.Args {
				if !names[string(name)] {
					t.Errorf("%s of %s", v.Command, name)
				}
			}
		case "PUBSUB":
			if string(v.Args[0]) != "SHARDNUMSUB" || string(v.Args[1]) != "socket.io#/#" {
				t.Errorf("PUBSUB %s", v.Args)
			}
		}
	}
}

// TestFrameKeepsTexts: an argument that is JSON goes and comes as it is.
func TestFrameKeepsTexts(t *testing.T) {
	t.Parallel()
	texts := []any{
		json.RawMessage(`{"b":1, "a":[ 1.0, 1e400, 12345678901234567890123, "\u00e9\ud800" ], "b":2}`),
		json.RawMessage(`-0.0`), json.RawMessage(`"<&>"`), json.RawMessage(`null`),
	}
	for _, data := range [][]any{append([]any{"e"}, texts...), append([]any{"e"}, append(texts, []byte{7})...)} {
		m := &Message{Kind: Broadcast, Packet: &parser.Packet{Data: data}}
		payload, err := AppendFrame(nil, "uid", "/", m)
		if err != nil {
			t.Fatal(err)
		}
		got := decodeFrame(t, payload, true)
		args := got.Packet.Data.([]any)
		for i, want := range data {
			if text, ok := want.(json.RawMessage); ok && !isJSON(payload) && !strings.ContainsAny(string(text), "eu") {
				continue // of those it keeps the meaning
			}
			if !reflect.DeepEqual(args[i], want) {
				t.Errorf("argument %d of %q is %q", i, payload, args[i])
			}
		}
		m = &Message{Kind: Ack, RequestID: "r", Value: texts[0]}
		for _, encode := range []func() ([]byte, error){
			func() ([]byte, error) { return AppendFrame(nil, "uid", "/", m) },
			func() ([]byte, error) { return AppendPackedFrame(nil, "uid", "/", m) },
		} {
			payload, err := encode()
			if err != nil {
				t.Fatal(err)
			}
			if got := decodeFrame(t, payload, true); !reflect.DeepEqual(got.Value, texts[0]) {
				t.Errorf("%q is read as %s", payload, got.Value)
			}
		}
	}
}

func TestFrameRefusesWhatNobodyTakes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{`, `1 2`, `{"a":}`, strings.Repeat("[", 300) + strings.Repeat("]", 300)} {
		m := &Message{Kind: Broadcast, Packet: &parser.Packet{Data: []any{"e", json.RawMessage(text)}}}
		if b, err := AppendFrame(nil, "uid", "/", m); err == nil {
			t.Errorf("%s is sent as %s", text, b)
		}
	}
}

func TestMalformedFrames(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 300) + strings.Repeat("]", 300)
	const head = `{"uid":"u","nsp":"/","type":`
	for _, text := range []string{
		``, `{`, `{}`, `[]`, `null`, head + `3}`, head + `"3","data":{}}`, head + `3,"data":null}`, head + `3,"data":[]}`, head + `3,"data":{}}`,
		head + `3,"data":{"opts":{"rooms":[],"except":[]}}}`,
		head + `3,"data":{"opts":{"rooms":{}},"packet":{"type":2,"data":["e"]}}}`,
		head + `4,"data":{"opts":null,"rooms":["r"]}}`, head + `6,"data":{"opts":null}}`,
		head + `3,"data":{"opts":{},"packet":{"type":2,"data":[]}}}`,
		head + `3,"data":{"opts":{},"packet":{"type":0,"data":["e"]}}}`,
		head + `3,"data":{"opts":{},"packet":{"type":2,"data":{"e":1}}}}`,
		head + `3,"data":{"opts":{},"packet":{"type":2,"data":["e",` + deep + `]}}}`,
		head + `3,"data":{"opts":{},"packet":{"type":2,"data":["e"]}}} x`,
		head + `4,"data":{"opts":{}}}`, head + `4,"data":{"rooms":["r"]}}`, head + `6,"data":{"close":true}}`,
		head + `7,"data":{"requestId":"r"}}`, head + `9,"data":{}}`, head + `9,"data":{"packet":7}}`, head + `11,"data":{"requestId":"r","clientCount":-1}}`,
		"\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff", "\x81\xa4data\xc1", strings.Repeat("\x81\xa4data", 10000),
	} {
		if m, err := decodeMessage("/", true)(ReadFrame([]byte(text))); err == nil {
			t.Errorf("%.100s is taken as %+v", text, m)
		}
	}
}

func validTexts(v any) bool {
	switch v := v.(type) {
	case string:
		return utf8.ValidString(v)
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool { return !validTexts(item) })
	case map[string]any:
		for key, item := range v {
			if !validTexts(key) || !validTexts(item) {
				return false
			}
		}
	}
	return true
}

// FuzzFrame feeds messages to the readers; what they accept survives our own encoding, in both forms.
func FuzzFrame(f *testing.F) {
	for _, v := range readVectorsOf(f, "sharded") {
		if v.Command == "SPUBLISH" {
			f.Add([]byte(v.Args[1]))
			if packed, _, err := msgpack.FromJSON(nil, json.RawMessage(v.Args[1]), 0); err == nil {
				f.Add(packed)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := ReadFrame(b)
		if err != nil {
			return
		}
		body := frame.body
		packed := b
		if isJSON(b) {
			packed, _, _ = msgpack.FromJSON(nil, b, 0)
		}
		if v, _, err := msgpack.Read(packed, 0); err != nil || !validTexts(v) {
			return // what is no UTF-8 is replaced in JSON
		}
		for _, raw := range []bool{true, false} {
			m := &Message{Kind: frame.Kind, Server: frame.Server, Nsp: frame.Nsp, body: body}
			m, err := decodeMessage(frame.Nsp, raw)(m, nil)
			if err != nil || m.Kind < Broadcast || m.Kind >= Goodbye {
				continue
			}
			for _, encode := range []func([]byte, string, string, *Message) ([]byte, error){AppendFrame, AppendPackedFrame} {
				again, err := encode(nil, frame.Server, frame.Nsp, m)
				if err != nil {
					t.Fatalf("%+v cannot be written: %v", m, err)
				}
				if !isJSON(again) {
					if rest, err := msgp.Skip(again); err != nil || len(rest) > 0 {
						t.Fatalf("%x: %v", again, err)
					}
				} else if !json.Valid(again) {
					t.Fatalf("%s is no JSON", again)
				}
				f2, err := ReadFrame(again)
				if err != nil || f2.Server != frame.Server || f2.Nsp != frame.Nsp || f2.Kind != frame.Kind {
					t.Fatalf("%q is read as %+v, %v", again, f2, err)
				}
				m2, err := decodeMessage(frame.Nsp, raw)(f2, nil)
				if err != nil {
					t.Fatalf("%q: %v", again, err)
				}
				if !slices.Equal(m2.Rooms, m.Rooms) || !slices.Equal(m2.Opts.Rooms, m.Opts.Rooms) || m2.Close != m.Close ||
					m2.RequestID != m.RequestID || m2.ClientCount != m.ClientCount || len(m2.Args) != len(m.Args) {
					t.Fatalf("%+v is read as %+v", m, m2)
				}
				if m.Kind == Broadcast && !raw && !peervalue.Same(m2.Packet.Data, m.Packet.Data) {
					t.Fatalf("%#v is read as %#v", m.Packet.Data, m2.Packet.Data)
				}
			}
		}
	})
}
