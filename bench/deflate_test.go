package bench

import (
	"bytes"
	"compress/flate"
	"errors"
	"strings"
	"testing"
)

// deflated compresses a message as RFC 7692 section 7.2.1 says.
func deflated(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write([]byte(text)); err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

func TestInflate(t *testing.T) {
	var f inflater
	for _, text := range []string{"one", "one", "two", "", strings.Repeat("long ", 50_000), "one"} {
		got, err := f.inflate([]byte(deflated(t, text)))
		if err != nil || string(got) != text {
			t.Errorf("%.20q: %.20q, %v", text, got, err)
		}
	}
	for name, payload := range map[string]string{
		"no deflate": "\xff\xff\xff", "too long": deflated(t, strings.Repeat("x", maxFrame+1)),
	} {
		for range 2 { // also when it is what came last
			if _, err := f.inflate([]byte(payload)); !errors.Is(err, ErrProtocol) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if got, err := f.inflate([]byte(deflated(t, "after errors"))); err != nil || string(got) != "after errors" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAcceptsDeflate(t *testing.T) {
	for answer, want := range map[string]bool{
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover": true,
		"permessage-deflate;server_no_context_takeover":                              true,
		"permessage-deflate": false, // with a context
		"":                   false,
		"x-webkit-deflate-frame; server_no_context_takeover": false,
	} {
		if acceptsDeflate(answer) != want {
			t.Errorf("%q: want %v", answer, want)
		}
	}
}

func TestReceiveCompressed(t *testing.T) {
	r := newTestReceiver(newSocketIO(&Options{}), delivery)
	c, _ := newFake()
	c.deflate = true
	var stream []byte
	for i := range uint32(20) {
		frame := serverFrame(opText, deflated(t, event(stamp{due: 1, sender: 1, number: i})))
		frame[0] |= opDeflated
		stream = append(append(stream, frame...), serverFrame(opText, event(stamp{due: 1, sender: 2, number: i}))...)
	}
	if err := feed(t, r, c, stream, func() int { return 7 }); err != nil {
		t.Fatal(err)
	}
	if r.arrived.Load() != 40 || r.outOfOrder != 0 || r.bytes != uint64(len(stream)) {
		t.Errorf("arrived %d, out of order %d, %d bytes", r.arrived.Load(), r.outOfOrder, r.bytes)
	}
	c.deflate = false
	if _, err := r.take(c, stream); !errors.Is(err, ErrProtocol) {
		t.Errorf("a connection without compression: %v", err)
	}
}

func TestAppendWords(t *testing.T) {
	text := string(appendWords([]byte("before "), 4000))
	if len(text) != 4007 || strings.ContainsAny(text, "\"\\\n") {
		t.Errorf("%d bytes: %.100s", len(text), text)
	}
	if ratio := float64(len(deflated(t, text))) / 4000; ratio < 0.1 || ratio > 0.6 {
		t.Errorf("it compresses to %.2f of its size", ratio)
	}
}
