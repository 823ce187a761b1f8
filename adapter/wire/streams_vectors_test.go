package wire

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"chorus/adapter/wire/internal/peervalue"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

const (
	streamsUID   = "0b3674152d3ecb84"
	streamsOther = "4ee5121d7c78d013"
)

// entryOf reads the arguments of an XADD, which must be those that we send.
func entryOf(t *testing.T, args []vectorArg) Entry {
	t.Helper()
	fields := make(map[string]any)
	var names []string
	for i := 5; i < len(args); i += 2 {
		names = append(names, string(args[i]))
		fields[string(args[i])] = string(args[i+1])
	}
	e, err := ReadEntry("1-1", fields)
	if err != nil {
		t.Fatal(err)
	}
	sent := e.Command(DefaultPrefix, DefaultStreamMaxLen)
	head := make([]string, 0, 5)
	for _, arg := range args[:5] {
		head = append(head, string(arg))
	}
	if want := []string{DefaultPrefix, "MAXLEN", "~", "10000", "*"}; !slices.Equal(head, want) || sent[1] != DefaultPrefix ||
		!reflect.DeepEqual(names, []string{fieldUID, fieldNsp, fieldType, fieldData}) {
		t.Errorf("they send %q with fields %q, we send %v", head, names, sent)
	}
	return e
}

func TestStreamsVectors(t *testing.T) {
	t.Parallel()
	no, second := false, time.Second
	opts := func(rooms ...socket.Room) Options {
		return Options{Rooms: append([]socket.Room{}, rooms...), Except: []socket.Room{}}
	}
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }
	event := func(opts Options, data ...any) Message {
		return Message{Kind: Broadcast, Opts: opts, Packet: &parser.Packet{Type: parser.EVENT, Nsp: "/", Data: data}}
	}
	with := func(m Message, change func(*Message)) Message { change(&m); return m }
	const sid = "M0-csef_q3KYwb1xAAAG"
	wants := map[string][]Message{
		"emit to all":                  {event(opts(), "hello", raw("1"), raw(`"two"`), raw(`{"three":[null,true,1.5,-3,"é"]}`))},
		"emit to one room":             {event(opts("r1"), "hello", raw(`"room"`))},
		"emit to two rooms except one": {event(Options{Rooms: []socket.Room{"r1", "r2"}, Except: []socket.Room{"r3"}}, "hello", raw(`"rooms"`))},
		"emit to a socket id":          {event(opts(sid), "hello", raw(`"private"`))},
		"emit volatile":                {with(event(opts(), "hello", raw(`"v"`)), func(m *Message) { m.Opts.Flags.Volatile = true })},
		"emit binary":                  {event(opts(), "bin", []byte{0, 1, 255})},
		"emit date, undefined, bigger numbers": {event(opts(), "odd", raw(`"1970-01-01T00:00:00.000Z"`), raw("null"),
			raw("9007199254740991"), raw("-2147483649"))},
		"emit with compress flag": {with(event(opts(), "hello", raw(`"c"`)), func(m *Message) { m.Opts.Flags.Compress = &no })},
		"broadcast with ack": {
			with(event(opts(), "ask", raw(`"q"`)), func(m *Message) { m.RequestID, m.Opts.Flags.Timeout = "e135502599f4c40f", &second }),
			{Kind: ClientCount, Server: streamsOther, RequestID: "e135502599f4c40f", ClientCount: 1},
			{Kind: Ack, Server: streamsOther, RequestID: "e135502599f4c40f", Value: raw(`"answer"`)},
		},
		"fetchSockets": {{Kind: Fetch, RequestID: "1fa8bee819546156", Opts: opts()},
			{Kind: Fetched, Server: streamsOther, RequestID: "1fa8bee819546156"}},
		"socketsJoin":    {{Kind: Join, Opts: opts("r1"), Rooms: []socket.Room{"r5", "r6"}}},
		"socketsLeave":   {{Kind: Leave, Opts: opts("r1"), Rooms: []socket.Room{"r5"}}},
		"serverSideEmit": {{Kind: Event, Args: []any{"sse", raw("1")}}},
		"serverSideEmit with ack": {{Kind: Event, RequestID: "9cd4a5b6dbe805b7", Args: []any{"sse", raw(`"x"`)}},
			{Kind: EventAnswer, Server: streamsOther, RequestID: "9cd4a5b6dbe805b7", Value: raw(`"sse-answer"`)}},
		"custom namespace emit":     {with(event(opts(), "hello", raw(`"ns"`)), func(m *Message) { m.Server, m.Packet.Nsp = "2294d6948a18d3b1", "/chat" })},
		"disconnectSockets":         {{Kind: Disconnect, Opts: opts(sid), Close: true}},
		"client drops and recovers": {event(opts("r1"), "kept", raw("1")), event(opts(), "missed", raw("2"))},
	}
	seen := make(map[string]int)
	for _, v := range readVectorsOf(t, "streams") {
		if v.Command != "XADD" && v.Command != "PUBLISH" {
			continue
		}
		if seen[v.Op] >= len(wants[v.Op]) {
			t.Errorf("%s: unknown vector", v.Op)
			continue
		}
		want := wants[v.Op][seen[v.Op]]
		seen[v.Op]++
		want.Server, want.Nsp = cmpOr(want.Server, streamsUID), "/"
		if v.Op == "custom namespace emit" {
			want.Nsp = "/chat"
		}
		if kept := v.Command == "XADD"; kept == want.IsRequest() && want.Kind < Fetched {
			t.Errorf("%s: whether it is kept", v.Op)
		} else if kept {
			checkEntry(t, v, want)
			continue
		}
		got := decodeFrame(t, v.Args[1], true)
		sockets := got.Sockets
		got.Sockets = nil
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", v.Op, *got, want)
		}
		if got.Kind == Fetched {
			if got := sockets(); len(got) != 1 || got[0].Id() == "" {
				t.Errorf("%s: %v", v.Op, got)
			}
			continue // what is sent of sockets that are here is another matter
		}
		again, err := AppendPackedFrame(nil, got.Server, got.Nsp, got)
		if err != nil {
			t.Fatal(err)
		}
		if theirs, ours := meaning(t, v.Args[1]), meaning(t, again); !peervalue.Same(theirs, ours) {
			t.Errorf("%s:\nwe send   %v\nthey send %v", v.Op, ours, theirs)
		}
	}
	for op, want := range wants {
		if seen[op] != len(want) {
			t.Errorf("%s: %d messages", op, seen[op])
		}
	}
}

func checkEntry(t *testing.T, v vector, want Message) {
	t.Helper()
	e := entryOf(t, v.Args)
	m, err := e.Message()
	if err == nil {
		m, err = decodeMessage(m.Nsp, true)(m, nil)
	}
	if err != nil {
		t.Fatalf("%s: %v", v.Op, err)
	}
	m.Offset = ""
	if !reflect.DeepEqual(*m, want) {
		t.Errorf("%s:\ngot  %+v\nwant %+v", v.Op, *m, want)
	}
	again, err := NewEntry(e.Server, e.Nsp, m)
	if err != nil {
		t.Fatal(err)
	}
	if theirs, ours := entryMeaning(t, &e), entryMeaning(t, &again); !peervalue.Same(theirs, ours) || again.Kind != e.Kind || again.Server != e.Server || again.Nsp != e.Nsp {
		t.Errorf("%s:\nwe send   %v\nthey send %v", v.Op, ours, theirs)
	}
}

// entryMeaning is what a Node.js peer decodes of an entry's data.
func entryMeaning(t *testing.T, e *Entry) any {
	t.Helper()
	data := []byte(e.Data)
	if isJSON(data) {
		return meaning(t, []byte(`{"data":`+e.Data+`}`))
	}
	packed, err := base64.StdEncoding.DecodeString(e.Data)
	if err != nil {
		t.Fatal(err)
	}
	return meaning(t, append([]byte{0x81, 0xa4, 'd', 'a', 't', 'a'}, packed...))
}

func TestStreamsVectorsSubscriptions(t *testing.T) {
	t.Parallel()
	for _, v := range readVectorsOf(t, "streams") {
		if v.Command != "SUBSCRIBE" {
			continue
		}
		for _, uid := range []string{streamsUID, streamsOther, "2294d6948a18d3b1"} {
			for _, nsp := range []string{"/", "/chat"} {
				channel := "socket.io#" + nsp + "#"
				if string(v.Args[0]) == channel && string(v.Args[1]) == channel+uid+"#" {
					v.Args = nil
					break
				}
			}
			if v.Args == nil {
				break
			}
		}
		if v.Args != nil {
			t.Errorf("they subscribe to %s", v.Args)
		}
	}
}
