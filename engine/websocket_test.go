package engine_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestWebSocketMessages(t *testing.T) {
	s := start(t, calm(), echo)
	large := strings.Repeat("a large message. ", 5000)
	cases := []struct {
		name  string
		write [][]byte
		reads []received
		heard string
	}{
		{"text", [][]byte{textFrame("4hello")}, []received{{fin | opText, "4hello"}}, "hello"},
		{"empty text", [][]byte{textFrame("4")}, []received{{fin | opText, "4"}}, ""},
		{"not ASCII", [][]byte{textFrame("4€ 😀")}, []received{{fin | opText, "4€ 😀"}}, "€ 😀"},
		{"binary", [][]byte{frame(fin|opBinary, "\x01\x02\xff")}, []received{{fin | opBinary, "\x01\x02\xff"}}, "binary: \x01\x02\xff"},
		{"empty binary", [][]byte{frame(fin|opBinary, "")}, []received{{fin | opBinary, ""}}, "binary: "},
		{"binary as base64", [][]byte{textFrame("bAQI=")}, []received{{fin | opBinary, "\x01\x02"}}, "binary: \x01\x02"},
		{"length in 16 bits", [][]byte{textFrame("4" + large[:126])}, []received{{fin | opText, "4" + large[:126]}}, large[:126]},
		{"length in 64 bits", [][]byte{textFrame("4" + large)}, []received{{fin | opText, "4" + large}}, large},
		{"fragments", [][]byte{frame(opText, "4he"), frame(opContinuation, "l"), frame(fin|opContinuation, "lo")}, []received{{fin | opText, "4hello"}}, "hello"},
		{"empty fragments", [][]byte{frame(opText, ""), frame(opContinuation, ""), frame(opContinuation, "4a"), frame(fin|opContinuation, "")}, []received{{fin | opText, "4a"}}, "a"},
		{"fragments in the middle of a character", [][]byte{frame(opText, "4\xe2\x82"), frame(fin|opContinuation, "\xac")}, []received{{fin | opText, "4€"}}, "€"},
		{"fragments with control frames between", [][]byte{
			frame(opBinary, "ab"), frame(fin|opPing, "are you there?"), frame(opContinuation, "c"), frame(fin|opPong, ""), frame(fin|opContinuation, "d"),
		}, []received{{fin | opPong, "are you there?"}, {fin | opBinary, "abcd"}}, "binary: abcd"},
		{"ping", [][]byte{frame(fin|opPing, ""), textFrame("4a")}, []received{{fin | opPong, ""}, {fin | opText, "4a"}}, "a"},
		{"the largest ping", [][]byte{frame(fin|opPing, large[:125]), textFrame("4a")}, []received{{fin | opPong, large[:125]}, {fin | opText, "4a"}}, "a"},
		{"pong that nobody asked for", [][]byte{frame(fin|opPong, "x"), textFrame("4a")}, []received{{fin | opText, "4a"}}, "a"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ws := s.connect()
			for _, frame := range c.write {
				ws.write(frame)
			}
			for _, f := range c.reads {
				ws.wantFrame(f.first, f.payload)
			}
			s.session().wantMessages(c.heard)
		})
		t.Run(c.name+", byte by byte", func(t *testing.T) {
			all := strings.Join(texts(c.write), "")
			if len(all) > 1000 {
				t.Skip("too long")
			}
			ws := s.connect()
			for i := range len(all) {
				ws.write([]byte{all[i]})
			}
			for _, f := range c.reads {
				ws.wantFrame(f.first, f.payload)
			}
			s.session().wantMessages(c.heard)
		})
	}
}

func texts(frames [][]byte) []string {
	list := make([]string, len(frames))
	for i, f := range frames {
		list[i] = string(f)
	}
	return list
}

func TestFramesInOneSegment(t *testing.T) {
	s := start(t, calm(), nil)
	ws := s.connect()
	var all []byte
	var want []string
	for i := range 1000 {
		want = append(want, fmt.Sprint("message ", i))
		all = append(all, textFrame("4"+want[i])...)
	}
	ws.write(all)
	s.session().wantMessages(want...)
}

// A client need not wait for the answer to its handshake before it sends.
func TestFrameBehindTheHandshake(t *testing.T) {
	s := start(t, calm(), echo)
	early := append(textFrame("4first"), textFrame("4second")...)
	ws := s.dial("EIO=4&transport=websocket", append(early, textFrame("4third")[:3]...))
	ws.wantOpen()
	ws.want("4first", "4second")
	ws.write(textFrame("4third")[3:])
	ws.want("4third")
}

// RFC 6455 sections 5 and 7.4.1: what fails a connection, and the code that says why.
func TestInvalidFrames(t *testing.T) {
	const tooBig, protocolError, notUTF8 = 1009, 1002, 1007
	unmasked := func(first byte, payload string) []byte {
		return append(header(first, 0, len(payload)), payload...)
	}
	long := strings.Repeat("x", 1000)
	cases := []struct {
		name   string
		frames [][]byte
		code   int
		reason string
	}{
		{"unmasked", [][]byte{unmasked(fin|opText, "4a")}, protocolError, "transport error"},
		{"unmasked control frame", [][]byte{unmasked(fin|opPing, "")}, protocolError, "transport error"},
		{"RSV1 without extension", [][]byte{frame(fin|rsv1|opText, "4a")}, protocolError, "transport error"},
		{"RSV2", [][]byte{frame(fin|rsv2|opText, "4a")}, protocolError, "transport error"},
		{"RSV3", [][]byte{frame(fin|rsv3|opText, "4a")}, protocolError, "transport error"},
		{"reserved opcode 3", [][]byte{frame(fin|0x3, "4a")}, protocolError, "transport error"},
		{"reserved opcode 7", [][]byte{frame(fin|0x7, "4a")}, protocolError, "transport error"},
		{"reserved control opcode", [][]byte{frame(fin|0xb, "")}, protocolError, "transport error"},
		{"control frame in fragments", [][]byte{frame(opPing, "a")}, protocolError, "transport error"},
		{"large control frame", [][]byte{frame(fin|opPing, long[:126])}, protocolError, "transport error"},
		{"continuation of nothing", [][]byte{frame(fin|opContinuation, "4a")}, protocolError, "transport error"},
		{"text within fragments", [][]byte{frame(opText, "4a"), frame(fin|opText, "4b")}, protocolError, "transport error"},
		{"length with its highest bit", [][]byte{{fin | opText, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}}, protocolError, "transport error"},
		{"text that is not UTF-8", [][]byte{textFrame("4\xff")}, notUTF8, "transport error"},
		{"fragments that are not UTF-8", [][]byte{frame(opText, "4\xe2"), frame(fin|opContinuation, "x")}, notUTF8, "transport error"},
		{"more than MaxPayload", [][]byte{frame(fin|opText, "4"+long)[:8]}, tooBig, "transport error"},
		{"fragments of more than MaxPayload", [][]byte{frame(opBinary, long[:600]), frame(fin|opContinuation, long[:401])}, tooBig, "transport error"},
		{"endless fragments", [][]byte{frame(opBinary, long), frame(opContinuation, "x")}, tooBig, "transport error"},
		{"close frame of one byte", [][]byte{frame(fin|opClose, "x")}, protocolError, "transport error"},
		{"close frame with a code that is not sent", [][]byte{frame(fin|opClose, closeFrame(1006, ""))}, protocolError, "transport error"},
		{"close frame with a reason that is not UTF-8", [][]byte{frame(fin|opClose, closeFrame(1000, "\xff"))}, notUTF8, "transport error"},
		{"unknown packet", [][]byte{textFrame("abc")}, protocolError, "parse error"},
		{"packet type 7", [][]byte{textFrame("7")}, protocolError, "parse error"},
		{"empty packet", [][]byte{textFrame("")}, protocolError, "parse error"},
		{"base64", [][]byte{textFrame("b!")}, protocolError, "parse error"},
		{"ping in the wrong direction", [][]byte{textFrame("2")}, protocolError, "transport error"},
	}
	opts := calm()
	opts.MaxPayload = 1000
	s := start(t, opts, nil)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ws := s.connect()
			session := s.session()
			ws.send("4before")
			for _, f := range c.frames {
				ws.write(f)
			}
			session.wantMessages("before")
			ws.wantEnd(c.code)
			session.wantClosed(c.reason)
		})
	}
}

func TestMaxPayloadOfAWebSocket(t *testing.T) {
	opts := calm()
	opts.MaxPayload = 1000
	s := start(t, opts, nil)
	ws := s.connect()
	session := s.session()
	long := strings.Repeat("x", 999)
	ws.send("4" + long)
	ws.write(frame(opText, "4"+long[:499]))
	ws.write(frame(fin|opContinuation, long[:500]))
	ws.write(frame(fin|opBinary, long+"x"))
	session.wantMessages(long, long, "binary: "+long+"x")
}

// RFC 6455 section 5.5.1: the answer to a close frame has its code.
func TestCloseHandshake(t *testing.T) {
	s := start(t, calm(), nil)
	cases := []struct {
		name  string
		frame []byte
		code  int
	}{
		{"normal", frame(fin|opClose, closeFrame(1000, "bye")), 1000},
		{"going away", frame(fin|opClose, closeFrame(1001, "")), 1001},
		{"of the program", frame(fin|opClose, closeFrame(4999, "")), 4999},
		{"without a code", frame(fin|opClose, ""), 0},
		{"packet", textFrame("1"), 1000},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ws := s.connect()
			session := s.session()
			ws.send("4before")
			ws.write(append(c.frame, textFrame("4never")...))
			ws.wantEnd(c.code)
			session.wantClosed("transport close")
			session.wantMessages("before")
			if len(session.messages) != 0 {
				t.Error("what came behind was taken")
			}
		})
	}
}

func TestConnectionThatBreaksOff(t *testing.T) {
	s := start(t, calm(), nil)
	ws := s.connect()
	ws.write(textFrame("4half of it")[:5])
	_ = ws.conn.Close()
	session := s.session()
	session.wantClosed("transport close")
	if len(session.messages) != 0 {
		t.Error("half a message was taken")
	}
	eventually(t, "no session is left", func() bool { return s.ClientsCount() == 0 })
}

func TestPacketEvent(t *testing.T) {
	packets := make(chan string, 10)
	s := start(t, calm(), func(s *session) {
		_ = s.On("packet", func(args ...any) { packets <- packetOf(args[0]) })
	})
	ws := s.connect()
	ws.send("4hello", "3", "6")
	ws.write(frame(fin|opBinary, "x"))
	for _, want := range []string{"message: hello", "pong: ", "noop: ", "message: binary: x"} {
		if got := receive(t, "a packet", packets); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
