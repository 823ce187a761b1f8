package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// collected is a handler that remembers.
type collected []string

func (c *collected) onMessage(data []byte, binary bool) error {
	*c = append(*c, fmt.Sprintf("%t %q", binary, data))
	return nil
}

func (c *collected) onControl(op ws.OpCode, data []byte) error {
	*c = append(*c, fmt.Sprintf("control %d %q", op, data))
	if op == ws.OpClose {
		return errClosedByClient
	}
	return nil
}

// masked returns a frame of a client.
func masked(first byte, payload string) string {
	b := appendHeader(nil, 0, false, len(payload))
	b[0], b[1] = first, b[1]|0x80
	b = append(b, 1, 2, 3, 4)
	start := len(b)
	b = append(b, payload...)
	ws.Cipher(b[start:], [4]byte{1, 2, 3, 4}, 0)
	return string(b)
}

const fuzzMax = 2000 // bytes of a message

// chunks reads stream in pieces of sizes that cut gives, and returns what came of it.
func chunks(t *testing.T, stream []byte, deflate bool, cut []byte) (got collected, err error) {
	t.Helper()
	r := &reader{max: func() int64 { return fuzzMax }, deflate: deflate}
	for i := 0; len(stream) > 0 && err == nil; i++ {
		n := len(stream)
		if len(cut) > 0 {
			n = min(n, 1+int(cut[i%len(cut)]))
		}
		err = r.feed(append([]byte(nil), stream[:n]...), &got) // feed may change it
		stream = stream[n:]
		if held := cap(r.rest) + cap(r.message); held > 4*(fuzzMax+ws.MaxHeaderSize)+2*n+maxKeptBytes {
			t.Fatalf("the reader holds %d bytes", held)
		}
	}
	return got, err
}

func FuzzReader(f *testing.F) {
	deflated := string(deflate([]byte(strings.Repeat("4hello ", 100))))
	for _, stream := range []string{
		masked(0x81, "4hello"),
		masked(0x81, "4hello") + masked(0x82, "\x01\x02") + masked(0x89, "ping") + masked(0x81, "4"+strings.Repeat("x", 1000)),
		masked(0x01, "4he") + masked(0x89, "") + masked(0x00, "") + masked(0x80, "llo"),
		masked(0x88, "\x03\xe8bye") + masked(0x81, "4never"),
		masked(0xc1, deflated) + masked(0x41, deflated[:3]) + masked(0x80, deflated[3:]),
		masked(0x81, "4\xff"), masked(0x83, ""), masked(0x80, "4"), masked(0x09, "x"), "\x81\x014", masked(0x02, strings.Repeat("x", fuzzMax)) + masked(0x80, "x"),
		"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
	} {
		for _, cut := range []string{"", "\x00", "\x01\x07\x40"} {
			f.Add([]byte(stream), true, []byte(cut))
			f.Add([]byte(stream), false, []byte(cut))
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, deflate bool, cut []byte) {
		whole, wholeErr := chunks(t, stream, deflate, nil)
		for _, sizes := range [][]byte{cut, {0}} {
			got, err := chunks(t, stream, deflate, sizes)
			if !slices.Equal(got, whole) || fmt.Sprint(err) != fmt.Sprint(wholeErr) {
				t.Fatalf("in chunks of %v:\n%s, %v\nin one:\n%s, %v", sizes, got, err, whole, wholeErr)
			}
		}
		switch {
		case wholeErr == nil, errors.Is(wholeErr, ErrFrame), errors.Is(wholeErr, ErrPayloadTooLarge), errors.Is(wholeErr, errClosedByClient):
		default:
			t.Fatalf("an error of no kind: %v", wholeErr)
		}
	})
}

func FuzzDecodePayload(f *testing.F) {
	for _, body := range []string{
		"4hello", "4a\x1e4b\x1ebAQI=", "", "\x1e", "4\x1e", "b", "b!", "7", "2probe", "4\xff", "1:2", "6:4hello2:4€", "10:b4AQIDBA==",
		"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04", "99999999999:4", "-1:4", "0:", "\x01\xff", "\x00\x09\x09\x09\x09\xff4", "3:4😀",
	} {
		f.Add([]byte(body), 4)
		f.Add([]byte(body), 3)
	}
	f.Fuzz(func(t *testing.T, body []byte, protocol int) {
		if protocol != 3 {
			protocol = 4
		}
		const limit = 20
		var parts []part
		err := decodePayload(body, protocol, limit, func(p part) error {
			parts = append(parts, p)
			return nil
		})
		if err != nil {
			if len(parts) > 0 {
				t.Fatalf("of an invalid payload %d packets were used: %v", len(parts), err)
			}
			if !errors.Is(err, ErrPacket) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if len(parts) == 0 || len(parts) > limit {
			t.Fatalf("%d packets", len(parts))
		}
		if protocol == 4 {
			// What was read is what is written: encoding and decoding again gives the same.
			var again []part
			m := &Message{parts: parts}
			if err := decodePayload(m.appendPayload(nil), 4, limit, func(p part) error { again = append(again, p); return nil }); err != nil {
				t.Fatal(err)
			}
			for i := range parts {
				if string(again[i].body) != string(parts[i].body) || again[i].binary != parts[i].binary {
					t.Fatalf("packet %d is %q, was %q", i, again[i].body, parts[i].body)
				}
			}
		}
	})
}
