package wire

import (
	"encoding/json"
	"slices"
	"testing"

	"chorus/adapter/wire/internal/peervalue"
)

// FuzzBroadcast feeds a broadcast to its readers; what they accept survives our own encoding.
func FuzzBroadcast(f *testing.F) {
	for _, v := range published(f, "socket.io") {
		f.Add([]byte(v.Args[1]))
	}
	f.Add(mustAppend(f, []any{"u", map[string]any{"type": 2, "data": []any{"e", 1, []byte{1}}, "exact": []any{"1e400"}}, map[string]any{}}))
	f.Add(mustAppend(f, []any{"u", map[string]any{"type": 2, "data": []any{"e"}}, map[string]any{"rooms": []any{7}, "flags": nil}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMessage("/", false)(ReadBroadcast(b))
		if err != nil {
			return
		}
		raw, err := decodeMessage("/", true)(ReadBroadcast(b))
		if err != nil || len(raw.Packet.Data.([]any)) != len(m.Packet.Data.([]any)) {
			t.Fatalf("%x is read as values, and as text as %+v, %v", b, raw, err)
		} else if _, err := EncodeBroadcast(m.Server, raw.Packet, "/", m.Opts); err != nil {
			t.Fatalf("%x is read, but not written: %v", b, err)
		}
		again, err := EncodeBroadcast(m.Server, m.Packet, "/", m.Opts)
		if err != nil {
			t.Fatalf("%x is read, but not written: %v", b, err)
		}
		m2, err := decodeMessage("/", false)(ReadBroadcast(again))
		if err != nil || m2.Server != m.Server {
			t.Fatalf("%+v is read as %+v, %v", m, m2, err)
		}
		if !slices.Equal(once(m2.Opts.Rooms), once(m.Opts.Rooms)) || !slices.Equal(once(m2.Opts.Except), once(m.Opts.Except)) {
			t.Fatalf("the options %+v are read as %+v", m.Opts, m2.Opts)
		}
		if !peervalue.Same(m2.Packet.Data, m.Packet.Data) {
			t.Fatalf("the data %#v is read as %+v", m.Packet.Data, m2.Packet)
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
			if r, err := decodeMessage("/", false)(readBroadcastRequest(b)); err == nil {
				text, err := EncodeRequest(r.Server, "/", r)
				if err != nil {
					t.Fatalf("%+v cannot be written: %v", r, err)
				}
				again, err := decodeMessage("/", false)(readBroadcastRequest(text))
				if err != nil || again.Server != r.Server || again.RequestID != r.RequestID || !peervalue.Same(again.Packet.Data, r.Packet.Data) {
					t.Fatalf("%+v is read as %+v, %v", r, again, err)
				}
			}
			if r, err := decodeMessage("/", false)(readAckResponse(b)); err == nil {
				text, err := EncodeResponse(r)
				if err != nil {
					t.Fatalf("%+v cannot be written: %v", r, err)
				}
				if again, err := decodeMessage("/", false)(readAckResponse(text)); err != nil || again.RequestID != r.RequestID || !peervalue.Same(again.Value, r.Value) {
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
			_, _ = r.message()
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
