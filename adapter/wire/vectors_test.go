package wire

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"chorus/adapter/wire/internal/peervalue"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// vector is a command that @socket.io/redis-adapter 8.3 or @socket.io/redis-emitter 5.1 sent.
type vector struct {
	Op      string
	Command string
	Args    []vectorArg
}

// vectorArg is plain text, or {"hex": ...}.
type vectorArg []byte

func (a *vectorArg) UnmarshalJSON(text []byte) error {
	var plain string
	if json.Unmarshal(text, &plain) == nil {
		*a = []byte(plain)
		return nil
	}
	var binary struct{ Hex string }
	if err := json.Unmarshal(text, &binary); err != nil {
		return err
	}
	var err error
	*a, err = hex.DecodeString(binary.Hex)
	return err
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	return readVectorsOf(t, "vectors")
}

func readVectorsOf(t testing.TB, name string) []vector {
	t.Helper()
	file, err := os.Open("testdata/" + name + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var vectors []vector
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, v)
	}
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	return vectors
}

// published returns the vectors of one kind of channel, "socket.io", "socket.io-request" or
// "socket.io-response".
func published(t testing.TB, prefix string) []vector {
	t.Helper()
	return slices.DeleteFunc(readVectors(t), func(v vector) bool {
		return v.Command != "PUBLISH" || !strings.HasPrefix(string(v.Args[0]), prefix+"#")
	})
}

func TestVectorsSubscriptions(t *testing.T) {
	t.Parallel()
	var got, want []string
	for _, v := range readVectors(t) {
		if v.Command != "PSUBSCRIBE" && v.Command != "SUBSCRIBE" {
			continue
		}
		for _, arg := range v.Args {
			got = append(got, string(arg))
		}
	}
	for _, server := range []struct{ nsp, uid string }{{"/", "vORoS1"}, {"/", "qQAF_I"}, {"/chat", "PqaRrQ"}} {
		c := NewChannels(DefaultPrefix, server.nsp, server.uid)
		want = append(want, c.Pattern, c.Request, c.Response, c.OwnResponse)
	}
	slices.Sort(got)
	slices.Sort(want)
	if got, want := slices.Compact(got), slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("Node.js subscribes to\n%q, we to\n%q", got, want)
	}
}

// decodedBroadcast is what a broadcast means.
type decodedBroadcast struct {
	uid           string
	data          []any
	rooms, except []socket.Room
	volatile      bool
	compress      *bool
}

func decodeBroadcast(t *testing.T, payload []byte, nsp string) decodedBroadcast {
	t.Helper()
	m, err := decodeMessage(nsp, false)(ReadBroadcast(payload))
	if err != nil {
		t.Fatal(err)
	}
	packet := m.Packet
	if packet.Nsp != nsp {
		t.Errorf("the namespace is %q, want %q", packet.Nsp, nsp)
	}
	return decodedBroadcast{
		uid: m.Server, data: packet.Data.([]any), rooms: m.Opts.Rooms, except: m.Opts.Except,
		volatile: m.Opts.Flags.Volatile, compress: m.Opts.Flags.Compress,
	}
}

func TestVectorsBroadcast(t *testing.T) {
	t.Parallel()
	no := false
	none := []socket.Room{}
	const sid = "My9gsBcL-yUDG4oJAAAB"
	wants := map[string]struct {
		nsp     string
		channel []socket.Room // the rooms that the channel is for
		decodedBroadcast
	}{
		"emit to all": {"/", nil, decodedBroadcast{uid: "vORoS1", rooms: none, except: none,
			data: []any{"hello", int64(1), "two", map[string]any{"three": []any{nil, true, 1.5, int64(-3), "é"}}}}},
		"emit to one room": {"/", []socket.Room{"r1"}, decodedBroadcast{uid: "vORoS1", rooms: []socket.Room{"r1"}, except: none,
			data: []any{"hello", "room"}}},
		"emit to two rooms except one": {"/", []socket.Room{"r1", "r2"}, decodedBroadcast{uid: "vORoS1",
			rooms: []socket.Room{"r1", "r2"}, except: []socket.Room{"r3"}, data: []any{"hello", "rooms"}}},
		"emit to a socket id": {"/", []socket.Room{sid}, decodedBroadcast{uid: "vORoS1", rooms: []socket.Room{sid}, except: none,
			data: []any{"hello", "private"}}},
		"emit volatile": {"/", nil, decodedBroadcast{uid: "vORoS1", rooms: none, except: none, volatile: true,
			data: []any{"hello", "v"}}},
		"emit binary": {"/", nil, decodedBroadcast{uid: "vORoS1", rooms: none, except: none,
			data: []any{"bin", []byte{0, 1, 255}}}},
		"emit date, undefined, bigger numbers": {"/", nil, decodedBroadcast{uid: "vORoS1", rooms: none, except: none,
			data: []any{"odd", "1970-01-01T00:00:00.000Z", nil, uint64(9007199254740991), int64(-2147483649)}}},
		"emit with compress flag": {"/", nil, decodedBroadcast{uid: "vORoS1", rooms: none, except: none, compress: &no,
			data: []any{"hello", "c"}}},
		"emitter emit to all": {"/", nil, decodedBroadcast{uid: "emitter", rooms: none, except: none,
			data: []any{"hello", "e"}}},
		"emitter emit to one room": {"/", []socket.Room{"r1"}, decodedBroadcast{uid: "emitter", rooms: []socket.Room{"r1"}, except: none,
			data: []any{"hello", "e"}}},
		"custom namespace emit": {"/chat", nil, decodedBroadcast{uid: "PqaRrQ", rooms: none, except: none,
			data: []any{"hello", "ns"}}},
	}
	vectors := published(t, "socket.io")
	if len(vectors) != len(wants) {
		t.Errorf("%d vectors, want %d", len(vectors), len(wants))
	}
	for _, v := range vectors {
		t.Run(v.Op, func(t *testing.T) {
			t.Parallel()
			want, ok := wants[v.Op]
			if !ok {
				t.Fatal("unknown vector")
			}
			c := NewChannels(DefaultPrefix, want.nsp, "UID")
			if got := c.BroadcastTo(want.channel); got != string(v.Args[0]) {
				t.Errorf("published on %q, we would on %q", v.Args[0], got)
			}
			got := decodeBroadcast(t, v.Args[1], want.nsp)
			if !reflect.DeepEqual(got, want.decodedBroadcast) {
				t.Errorf("got  %+v\nwant %+v", got, want.decodedBroadcast)
			}

			// What we write ourselves must mean the same.
			m, err := decodeMessage(want.nsp, false)(ReadBroadcast(v.Args[1]))
			if err != nil {
				t.Fatal(err)
			}
			again, err := EncodeBroadcast(got.uid, m.Packet, want.nsp, m.Opts)
			if err != nil {
				t.Fatal(err)
			}
			// The signedness of an integer is a matter of its encoding, not of its meaning.
			if again := decodeBroadcast(t, again, want.nsp); !peervalue.Same(again.data, got.data) {
				t.Errorf("encoded again, the data is %#v, want %#v", again.data, got.data)
			} else if again.data = got.data; !reflect.DeepEqual(again, got) {
				t.Errorf("encoded again: %+v\nwant %+v", again, got)
			}
			if _, err := decodeMessage("/another", false)(ReadBroadcast(v.Args[1])); err == nil {
				t.Error("another namespace takes it")
			}
		})
	}
}

func TestVectorsRequest(t *testing.T) {
	t.Parallel()
	yes := looseBool(true)
	opts := func(rooms ...socket.Room) *requestOptions {
		return &requestOptions{Rooms: append(selection{}, rooms...), Except: selection{}}
	}
	raw := func(values ...string) (out []json.RawMessage) {
		for _, v := range values {
			out = append(out, json.RawMessage(v))
		}
		return out
	}
	wants := map[string]request{
		"fetchSockets":              {UID: "vORoS1", RequestID: requestID{text: "OXx99H"}, Type: typeFetch, Opts: opts()},
		"socketsJoin":               {UID: "vORoS1", Type: typeJoin, Opts: opts("r1"), Rooms: targetList{"r5", "r6"}},
		"socketsLeave":              {UID: "vORoS1", Type: typeLeave, Opts: opts("r1"), Rooms: targetList{"r5"}},
		"serverSideEmit":            {UID: "vORoS1", Type: typeServerSideEmit, Data: raw(`"sse"`, `1`)},
		"serverSideEmit with ack":   {UID: "vORoS1", RequestID: requestID{text: "BrKURc"}, Type: typeServerSideEmit, Data: raw(`"sse"`, `"x"`)},
		"allRooms":                  {UID: "vORoS1", RequestID: requestID{text: "Wy13ek"}, Type: typeAllRooms},
		"emitter socketsJoin":       {Type: typeJoin, Opts: opts("r1"), Rooms: targetList{"r7"}},
		"emitter socketsLeave":      {Type: typeLeave, Opts: opts("r1"), Rooms: targetList{"r7"}},
		"emitter serverSideEmit":    {UID: "emitter", Type: typeServerSideEmit, Data: raw(`"sse"`, `1`)},
		"emitter disconnectSockets": {Type: typeDisconnect, Opts: opts("nobody"), Close: &yes},
		"disconnectSockets":         {UID: "vORoS1", Type: typeDisconnect, Opts: opts("My9gsBcL-yUDG4oJAAAB"), Close: &yes},
	}
	seen := 0
	for _, v := range published(t, "socket.io-request") {
		if !isJSON(v.Args[1]) {
			continue
		}
		seen++
		t.Run(v.Op, func(t *testing.T) {
			t.Parallel()
			var got, again request
			if err := json.Unmarshal(v.Args[1], &got); err != nil {
				t.Fatal(err)
			}
			if want, ok := wants[v.Op]; !ok || !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, got) {
				t.Errorf("encoded again: %s (%v)", text, err)
			}
			// Where the Node.js adapter sends JSON we send the same object.
			var theirs, ours any
			_ = json.Unmarshal(v.Args[1], &theirs)
			if _ = json.Unmarshal(text, &ours); !reflect.DeepEqual(theirs, ours) {
				t.Errorf("we send %s\nthey send %s", text, v.Args[1])
			}
		})
	}
	if seen != len(wants) {
		t.Errorf("%d vectors, want %d", seen, len(wants))
	}
}

func TestVectorsBroadcastRequest(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, v := range published(t, "socket.io-request") {
		if isJSON(v.Args[1]) {
			continue
		}
		seen++
		check := func(payload []byte) *Message {
			t.Helper()
			r, err := decodeMessage("/", false)(ReadRequest(payload))
			if err != nil {
				t.Fatal(err)
			}
			if r.Server != "vORoS1" || r.RequestID != "YM7H2N" || !reflect.DeepEqual(r.Packet.Data, []any{"ask", "q"}) {
				t.Errorf("got %+v with %v", r, r.Packet.Data)
			}
			if len(r.Opts.Rooms) != 0 || len(r.Opts.Except) != 0 {
				t.Errorf("for the rooms %v except %v", r.Opts.Rooms, r.Opts.Except)
			}
			if r.Opts.Flags.Timeout == nil || *r.Opts.Flags.Timeout != time.Second {
				t.Errorf("the timeout is %v", r.Opts.Flags.Timeout)
			}
			return r
		}
		again, err := EncodeRequest("vORoS1", "/", check(v.Args[1]))
		if err != nil {
			t.Fatal(err)
		}
		check(again)
	}
	if seen != 1 {
		t.Errorf("%d vectors, want 1", seen)
	}
}

func TestVectorsResponse(t *testing.T) {
	t.Parallel()
	seen := make(map[string]int)
	for _, v := range published(t, "socket.io-response") {
		seen[v.Op]++
		if !isJSON(v.Args[1]) {
			answer, err := decodeMessage("/", false)(ReadResponse(v.Args[1]))
			if err != nil || answer.RequestID != "YM7H2N" || answer.Value != "answer" {
				t.Errorf("%s: %+v, %v", v.Op, answer, err)
			}
			text, err := EncodeResponse(answer)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := decodeMessage("/", false)(ReadResponse(text)); err != nil || !reflect.DeepEqual(again, answer) {
				t.Errorf("%s encoded again: %+v, %v", v.Op, again, err)
			}
			continue
		}
		var got response
		if err := json.Unmarshal(v.Args[1], &got); err != nil {
			t.Fatalf("%s: %v", v.Op, err)
		}
		switch v.Op {
		case "broadcast with ack":
			if got.RequestID.text != "YM7H2N" || got.ClientCount == nil || *got.ClientCount != 1 || *got.Type != typeClientCount {
				t.Errorf("%s: %+v", v.Op, got)
			}
		case "serverSideEmit with ack":
			if got.RequestID.text != "BrKURc" || string(got.Data) != `"sse-answer"` || *got.Type != typeServerSideEmit {
				t.Errorf("%s: %+v", v.Op, got)
			}
		case "allRooms":
			if got.RequestID.text != "Wy13ek" || !slices.Equal(got.Rooms, roomList{"My9gsBcL-yUDG4oJAAAB", "r1", "r6"}) {
				t.Errorf("%s: %+v", v.Op, got)
			}
		case "fetchSockets":
			checkFetched(t, got)
		default:
			t.Errorf("unknown vector %s", v.Op)
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var theirs, ours any
		_ = json.Unmarshal(v.Args[1], &theirs)
		if _ = json.Unmarshal(text, &ours); !reflect.DeepEqual(theirs, ours) {
			t.Errorf("%s: we send %s\nthey send %s", v.Op, text, v.Args[1])
		}
	}
	if want := map[string]int{"broadcast with ack": 2, "serverSideEmit with ack": 1, "allRooms": 1, "fetchSockets": 1}; !reflect.DeepEqual(seen, want) {
		t.Errorf("the vectors are %v, want %v", seen, want)
	}
}

func checkFetched(t *testing.T, answer response) {
	t.Helper()
	var sockets []wireSocket
	if err := json.Unmarshal(answer.Sockets, &sockets); err != nil {
		t.Fatal(err)
	}
	if len(sockets) != 1 || answer.RequestID.text != "OXx99H" {
		t.Fatalf("%d sockets for %s", len(sockets), answer.RequestID.text)
	}
	s := newRemoteSocket(sockets[0])
	if s.Id() != "My9gsBcL-yUDG4oJAAAB" {
		t.Errorf("the id is %q", s.Id())
	}
	if rooms := s.Rooms(); rooms.Len() != 2 || !rooms.Has("r1") || !rooms.Has(socket.Room(s.Id())) {
		t.Errorf("the rooms are %v", rooms.Keys())
	}
	if !reflect.DeepEqual(s.Data(), map[string]any{"user": "u"}) {
		t.Errorf("the data is %v", s.Data())
	}
	h := s.Handshake()
	if h.Address != "127.0.0.1" || h.Issued != 1795471069794 || h.Secure || h.Xdomain || h.Url != "/socket.io/?EIO=4&transport=websocket" ||
		h.Headers["upgrade"] != "websocket" || h.Query["EIO"] != "4" || h.Auth == nil || h.Time == "" {
		t.Errorf("the handshake is %+v", h)
	}
}

// TestVectorsCountServers: the Node.js adapter counts the subscribers of the channel that we
// subscribe to for requests.
func TestVectorsCountServers(t *testing.T) {
	t.Parallel()
	c := NewChannels(DefaultPrefix, "/", "UID")
	seen := 0
	for _, v := range readVectors(t) {
		if v.Command != "PUBSUB" {
			continue
		}
		seen++
		if string(v.Args[0]) != "NUMSUB" || string(v.Args[1]) != c.Request {
			t.Errorf("%s: PUBSUB %q", v.Op, v.Args)
		}
	}
	if seen == 0 {
		t.Error("no vectors")
	}
}
