package engine_test

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"

	"chorus/engine"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

const offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"

func deflating() engine.Options {
	opts := calm3()
	opts.Deflate, opts.DeflateThreshold, opts.MaxPayload = true, 100, 100_000
	return opts
}

// RFC 7692 section 7.2.1: deflate with a flush at the end, of which the last four bytes are left out.
func compressed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, text)
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// RFC 7692 section 7.2.2.
func decompressed(t testing.TB, payload string) string {
	t.Helper()
	text, err := io.ReadAll(flate.NewReader(strings.NewReader(payload + "\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (c *wsClient) wantCompressed(first byte, text string) {
	c.t.Helper()
	f := c.read()
	if f.first != first|rsv1 || len(f.payload) >= len(text) {
		c.t.Fatalf("got %x with %d bytes, want it compressed", f.first, len(f.payload))
	}
	if got := decompressed(c.t, f.payload); got != text {
		c.t.Fatalf("got %.100q, want %.100q", got, text)
	}
}

func TestDeflateIsNegotiated(t *testing.T) {
	on, off := start(t, deflating(), nil), start(t, calm(), nil)
	for _, c := range []struct {
		name  string
		s     *server
		offer []string
		want  string
	}{
		{"off", off, []string{offer}, ""},
		{"on, not offered", on, nil, ""},
		{"on, another extension", on, []string{"Sec-WebSocket-Extensions: x-webkit-deflate-frame"}, ""},
		{"on, a window that it does not have", on, []string{"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10"}, ""},
		{"on, a window that it does not have, or any", on, []string{"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10, permessage-deflate"}, "permessage-deflate"},
		{"on", on, []string{offer}, "permessage-deflate"},
		{"on, an unknown parameter", on, []string{"Sec-WebSocket-Extensions: permessage-deflate; foo=1"}, ""},
		{"on, an unknown parameter, or none", on, []string{"Sec-WebSocket-Extensions: permessage-deflate; foo=1, permessage-deflate"}, "permessage-deflate"},
		{"on, offers in two lines", on, []string{"Sec-WebSocket-Extensions: permessage-deflate; foo", offer}, "permessage-deflate"},
		{"on, a parameter twice", on, []string{"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; client_max_window_bits"}, ""},
		{"on, a value that is none", on, []string{"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=16"}, ""},
		{"on, a value with a leading zero", on, []string{"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=09"}, ""},
		{"on, a value where none belongs", on, []string{"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover=1"}, ""},
		{"on, a window without a value", on, []string{"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits"}, ""},
		{"on, the largest window, quoted", on, []string{`Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits="15"; client_max_window_bits=10`}, "permessage-deflate"},
		{"on, malformed", on, []string{"Sec-WebSocket-Extensions: permessage-deflate; =;;"}, ""},
		{"on, malformed and then well-formed", on, []string{"Sec-WebSocket-Extensions: ;;=\", permessage-deflate"}, "permessage-deflate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ws := c.s.connect(c.offer...)
			got := ws.header.Get("Sec-WebSocket-Extensions")
			name, parameters, _ := strings.Cut(got, ";")
			if name != c.want {
				t.Fatalf("negotiated %q", got)
			}
			// No context takeover: every message can be read by itself, and written for many.
			if c.want != "" && (!strings.Contains(parameters, "server_no_context_takeover") || !strings.Contains(parameters, "client_no_context_takeover")) {
				t.Errorf("negotiated %q", got)
			}
		})
	}
}

func TestDeflatedMessages(t *testing.T) {
	s := start(t, deflating(), echo)
	long := strings.Repeat("compressible ", 100)
	ws := s.connect(offer)
	session := s.session()
	for range 3 { // the second needs nothing of the first
		ws.write(frame(fin|rsv1|opText, compressed(t, "4"+long)))
		ws.wantCompressed(fin|opText, "4"+long)
	}
	ws.send("4" + long) // a client need not compress
	ws.wantCompressed(fin|opText, "4"+long)
	ws.write(frame(fin|rsv1|opText, compressed(t, "4short")))
	ws.want("4short")
	half := compressed(t, "4"+long)
	ws.write(frame(rsv1|opText, half[:5]))
	ws.write(frame(fin|opPing, "x"))
	ws.write(frame(fin|opContinuation, half[5:]))
	ws.wantFrame(fin|opPong, "x")
	ws.wantCompressed(fin|opText, "4"+long)
	ws.write(frame(fin|rsv1|opBinary, compressed(t, long)))
	ws.wantCompressed(fin|opBinary, long)

	session.SendMessage(textMessage(long[:98])) // with its type it is below the threshold
	ws.want("4" + long[:98])
	session.SendMessage(textMessage(long[:99]))
	ws.wantCompressed(fin|opText, "4"+long[:99])

	session.SendMessage(engine.NewMessage(engine.MessageOptions{NoCompress: true}, engine.Part{Data: []byte(long)}))
	ws.want("4" + long)
	no := false
	session.Send(types.NewStringBufferString(long), &packet.Options{Compress: &no}, nil)
	ws.want("4" + long)
}

func TestDeflateInOneBroadcast(t *testing.T) {
	s := start(t, deflating(), nil)
	long := strings.Repeat("compressible ", 100)
	with := s.connect(offer)
	sessions := []*session{s.session()}
	without := s.connect()
	sessions = append(sessions, s.session())
	three := s.dial("EIO=3&transport=websocket", nil, offer)
	three.wantOpen()
	sessions = append(sessions, s.session())
	p := s.poll()
	sessions = append(sessions, s.session())

	engine.Broadcast(engine.NewMessage(engine.MessageOptions{}, engine.Part{Data: []byte(long)}, engine.Part{Data: []byte(long), Binary: true}),
		nil, receivers(sessions...))
	with.wantCompressed(fin|opText, "4"+long)
	with.wantCompressed(fin|opBinary, long)
	without.want("4" + long)
	without.wantFrame(fin|opBinary, long)
	three.wantCompressed(fin|opText, "4"+long)
	three.wantCompressed(fin|opBinary, "\x04"+long)
	if got := p.get(); !strings.HasPrefix(got.body, "4"+long+"\x1eb") {
		t.Errorf("got %.50q", got.body)
	}
}

func TestDeflateForOneThatIsBehind(t *testing.T) {
	opts := deflating()
	opts.MaxBuffer = 64 << 20
	s := start(t, opts, nil)
	ws := s.connect(offer)
	session := s.session()
	noise := engine.NewMessage(engine.MessageOptions{NoCompress: true}, engine.Part{Data: bytes.Repeat([]byte("x"), 100_000)})
	n := 0
	for session.Transport().Writable() {
		session.SendMessage(noise)
		session.flushed()
		n++
	}
	long := strings.Repeat("compressible ", 100)
	session.SendMessage(textMessage(long))
	for range n {
		ws.want("4" + strings.Repeat("x", 100_000))
	}
	ws.wantCompressed(fin|opText, "4"+long)
}

func TestInvalidDeflate(t *testing.T) {
	s := start(t, deflating(), nil)
	bomb := compressed(t, "4"+strings.Repeat("\x00", 100_000))
	if len(bomb) > 1000 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	for _, c := range []struct {
		name  string
		frame []byte
		code  int
	}{
		{"bomb", frame(fin|rsv1|opText, bomb), 1009},
		{"nonsense", frame(fin|rsv1|opText, "\xff\xff\xff\xff"), 1002},
		{"compressed control frame", frame(fin|rsv1|opPing, "x"), 1002},
		{"RSV1 on a continuation", append(frame(rsv1|opText, "x"), frame(fin|rsv1|opContinuation, "x")...), 1002},
		{"RSV2", frame(fin|rsv2|opText, "4a"), 1002},
		{"not UTF-8", frame(fin|rsv1|opText, compressed(t, "4\xff")), 1007},
	} {
		t.Run(c.name, func(t *testing.T) {
			ws := s.connect(offer)
			ws.write(c.frame)
			ws.wantEnd(c.code)
			s.session().wantClosed("transport error")
		})
	}
}
