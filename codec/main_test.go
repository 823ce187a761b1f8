package codec_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"chorus/codec"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The library's WebSocket transport never ends its write queue when the client closes the
		// connection first: one goroutine stays for each such connection.
		goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/queue.(*Queue).loop"),
		// The library's timers lose a stop that comes before their goroutine waits for it.
		goleak.IgnoreTopFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetTimeout.func1"),
		goleak.IgnoreTopFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetInterval.func1"),
	)
}

// raw is a shorthand for tables.
func raw(text string) json.RawMessage { return json.RawMessage(text) }

func ptr[T any](v T) *T { return &v }

// add gives frames to a decoder, text as string and attachments as []byte, and returns what it
// emits and its first error.
func add(d parser.Decoder, frames ...any) (packets []*parser.Packet, err error) {
	d.Clear()
	_ = d.On("decoded", func(args ...any) { packets = append(packets, args[0].(*parser.Packet)) })
	for _, frame := range frames {
		if err = d.Add(frame); err != nil {
			return packets, err
		}
	}
	return packets, nil
}

// decode returns the one packet that the frames are.
func decode(t *testing.T, p parser.Parser, frames ...any) *parser.Packet {
	t.Helper()
	packets, err := add(p.NewDecoder(), frames...)
	if err != nil {
		t.Fatalf("decoding %q: %v", frames, err)
	}
	if len(packets) != 1 {
		t.Fatalf("decoding %q: %d packets", frames, len(packets))
	}
	return packets[0]
}

// encode returns the frames of a packet, text as string and attachments as []byte.
func encode(e parser.Encoder, p *parser.Packet) []any {
	var frames []any
	for _, buffer := range e.Encode(p) {
		if text, ok := buffer.(*types.StringBuffer); ok {
			frames = append(frames, text.String())
		} else {
			frames = append(frames, buffer.Bytes())
		}
	}
	return frames
}

func requireEqual(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("\n got %s\nwant %s", show(got), show(want))
	}
}

func show(v any) string {
	if p, ok := v.(*parser.Packet); ok {
		return p.Type.String() + " " + p.Nsp + " " + show(p.Data)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return reflect.TypeOf(v).String() + " " + string(text)
}

var ours = codec.New(codec.Options{})
