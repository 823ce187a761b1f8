package adapter

import (
	"encoding/json"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

// FuzzReadValue: whatever is read can be written, and reads equal.
func FuzzReadValue(f *testing.F) {
	for _, seed := range []any{nil, true, -1, 1 << 40, 1.5, "text", []byte{1}, []any{1, []any{}}, map[string]any{"a": map[string]any{}}} {
		f.Add(mustAppend(f, seed))
	}
	for _, v := range readVectors(f) {
		for _, arg := range v.Args {
			f.Add([]byte(arg))
		}
	}
	f.Add([]byte{0xd6, 0xff, 0, 0, 0, 0})                   // a date
	f.Add([]byte{0xc7, 3, 1, 1, 2, 3})                      // an unknown extension
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0})       // an array of 4 billion
	f.Add([]byte{0x82, 0x01, 0xc0, 0xa1, '1', 0xc3})        // a key twice, as a number and as text
	f.Add([]byte{0xcb, 0x43, 0xe0, 0, 0, 0, 0, 0, 0, 0xc1}) // 2^63 as a float
	f.Fuzz(func(t *testing.T, b []byte) {
		v, rest, err := readValue(b, 0)
		if err != nil {
			return
		}
		if len(rest) >= len(b) {
			t.Fatalf("%x: nothing is consumed", b)
		}
		again, err := appendValue(nil, v, 0)
		if err != nil {
			t.Fatalf("%#v cannot be written: %v", v, err)
		}
		got, rest, err := readValue(again, 0)
		if err != nil || len(rest) != 0 {
			t.Fatalf("%#v written as %x: %v, %d bytes left", v, again, err, len(rest))
		}
		if !sameMeaning(got, v) {
			t.Fatalf("%#v comes back as %#v", v, got)
		}
	})
}

// FuzzBroadcast feeds a broadcast to its readers; what they accept survives our own encoding.
func FuzzBroadcast(f *testing.F) {
	for _, v := range published(f, "socket.io") {
		f.Add([]byte(v.Args[1]))
	}
	f.Add(mustAppend(f, []any{"u", map[string]any{"type": 2, "data": []any{"e"}}, map[string]any{"rooms": []any{7}, "flags": nil}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		uid, rest, err := readSender(b)
		if err != nil {
			return
		}
		m, err := readBroadcast(rest)
		if err != nil {
			return
		}
		packet, err := readPacket(m.packet, "/")
		if err != nil {
			return
		}
		again, err := appendBroadcast(nil, uid, packet, "/", m.opts)
		if err != nil {
			t.Fatalf("%x is read, but not written: %v", b, err)
		}
		uid2, rest, err := readSender(again)
		if err != nil || uid2 != uid {
			t.Fatalf("the sender %q is read as %q, %v", uid, uid2, err)
		}
		m2, err := readBroadcast(rest)
		if err != nil || len(m2.opts.rooms) != len(m.opts.rooms) || len(m2.opts.except) != len(m.opts.except) {
			t.Fatalf("the options %+v are read as %+v, %v", m.opts, m2.opts, err)
		}
		packet2, err := readPacket(m2.packet, "/")
		if err != nil || !sameMeaning(packet2.Data, packet.Data) {
			t.Fatalf("the data %#v is read as %+v, %v", packet.Data, packet2, err)
		}
	})
}

// FuzzRequest feeds requests and responses to the readers.
func FuzzRequest(f *testing.F) {
	for _, prefix := range []string{"socket.io-request", "socket.io-response"} {
		for _, v := range published(f, prefix) {
			f.Add([]byte(v.Args[1]))
		}
	}
	f.Add([]byte(`{"type":2,"sid":"A","room":7}`))
	f.Add([]byte(`{"type":5,"opts":{"rooms":[7,null]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !isJSON(b) {
			if r, err := readBroadcastRequest(b); err == nil {
				again, err := readBroadcastRequest(r.append(nil))
				if err != nil || again.uid != r.uid || again.requestID != r.requestID || string(again.packet) != string(r.packet) {
					t.Fatalf("%+v is read as %+v, %v", r, again, err)
				}
				if _, err := msgp.Skip(r.packet); err != nil {
					t.Fatalf("the packet is no value: %v", err)
				}
				_, _ = readPacket(r.packet, "/")
			}
			if r, err := readAckResponse(b); err == nil {
				text, err := r.append(nil)
				if err != nil {
					t.Fatalf("%+v cannot be written: %v", r, err)
				}
				if again, err := readAckResponse(text); err != nil || again.requestID != r.requestID || !sameMeaning(again.value, r.value) {
					t.Fatalf("%+v is read as %+v, %v", r, again, err)
				}
			}
			return
		}
		var r request
		if json.Unmarshal(b, &r) == nil {
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatalf("%+v cannot be written: %v", r, err)
			}
			var again request
			if err := json.Unmarshal(text, &again); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			r.Opts.orRooms(r.Rooms)
		}
		var answer response
		if json.Unmarshal(b, &answer) == nil {
			var sockets []wireSocket
			if json.Unmarshal(answer.Sockets, &sockets) == nil {
				for _, s := range sockets {
					newRemoteSocket(s)
				}
			}
		}
	})
}
