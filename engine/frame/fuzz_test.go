package frame

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

func (c *collected) OnMessage(data []byte, binary bool) error {
	*c = append(*c, fmt.Sprintf("%t %q", binary, data))
	return nil
}

func (c *collected) OnControl(op ws.OpCode, data []byte) error {
	*c = append(*c, fmt.Sprintf("control %d %q", op, data))
	if op == ws.OpClose {
		return errClosed
	}
	return nil
}

func (c *collected) MaxMessage() int64 { return fuzzMax }

var errClosed = errors.New("closed")

// masked returns a frame of a client.
func masked(first byte, payload string) string {
	b := AppendHeader(nil, 0, false, len(payload))
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
	r := &Reader{Deflate: deflate}
	for i := 0; len(stream) > 0 && err == nil; i++ {
		n := len(stream)
		if len(cut) > 0 {
			n = min(n, 1+int(cut[i%len(cut)]))
		}
		err = r.Feed(append([]byte(nil), stream[:n]...), &got) // feed may change it
		stream = stream[n:]
		if held := cap(r.rest) + cap(r.message); held > 4*(fuzzMax+ws.MaxHeaderSize)+2*n+maxKeptBytes {
			t.Fatalf("the reader holds %d bytes", held)
		}
	}
	return got, err
}

func FuzzReader(f *testing.F) {
	deflated := string(Deflate([]byte(strings.Repeat("4hello ", 100))))
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
		case wholeErr == nil, errors.Is(wholeErr, ErrFrame), errors.Is(wholeErr, ErrTooLarge), errors.Is(wholeErr, errClosed):
		default:
			t.Fatalf("an error of no kind: %v", wholeErr)
		}
	})
}
