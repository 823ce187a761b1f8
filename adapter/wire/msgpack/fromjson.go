package msgpack

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tinylib/msgp/msgp"
)

// ErrNotJSON means that a text is no JSON.
var ErrNotJSON = errors.New("not JSON")

// FromJSON appends JSON text as MessagePack, in one pass: names keep their order, and those that
// occur twice do so on the other side. exact is false when MessagePack, as JavaScript reads it,
// cannot say what the text says: a number with more digits than a float64 has or beyond its range,
// half of a surrogate pair. Then it says what JavaScript would read; of 1e400 it makes nil, since
// JSON.stringify writes Infinity as null.
func FromJSON(b []byte, text json.RawMessage, depth int) (packed []byte, exact bool, err error) {
	if len(text) == 0 {
		return msgp.AppendNil(b), true, nil // as encoding/json does
	}
	const others = 64 // what usually follows: namespace, rooms, flags
	t := transcoder{text: text, out: slices.Grow(b, len(text)+others)}
	t.space()
	if err := t.value(depth); err != nil {
		return b, false, fmt.Errorf("at byte %d of a JSON text: %w", t.i, err)
	}
	if t.space(); t.i < len(text) {
		return b, false, fmt.Errorf("at byte %d of a JSON text: %w", t.i, ErrNotJSON)
	}
	return t.out, !t.inexact, nil
}

// transcoder reads JSON (RFC 8259) and writes MessagePack.
type transcoder struct {
	text    []byte
	i       int
	out     []byte
	inexact bool
	skip    bool // it checks the text and writes nothing
}

func (t *transcoder) value(depth int) error {
	if depth > MaxDepth {
		return errTooDeep
	}
	switch c := t.at(); c {
	case '"':
		return t.string()
	case '{':
		return t.object(depth)
	case '[':
		return t.array(depth)
	case 't':
		return t.literal("true", 0xc3)
	case 'f':
		return t.literal("false", 0xc2)
	case 'n':
		return t.literal("null", 0xc0)
	default:
		return t.number()
	}
}

func (t *transcoder) array(depth int) error {
	h := t.open(depth, arrayHeader)
	n := uint32(0)
	err := t.elements(func() error {
		n++
		return t.value(depth + 1)
	})
	t.close(h, n)
	return err
}

func (t *transcoder) object(depth int) error {
	h := t.open(depth, mapHeader)
	n := uint32(0)
	err := t.members(func() error {
		n++
		return t.string()
	}, func() error { return t.value(depth + 1) })
	t.close(h, n)
	return err
}

// elements steps over an array and calls use at each value, which use steps over.
func (t *transcoder) elements(use func() error) error {
	if t.enter(']') {
		return nil
	}
	for {
		if err := use(); err != nil {
			return err
		}
		if more, err := t.more(']'); !more {
			return err
		}
	}
}

// members steps over an object and calls name and value at each of them, which they step over.
func (t *transcoder) members(name, value func() error) error {
	if t.enter('}') {
		return nil
	}
	for {
		if t.at() != '"' {
			return ErrNotJSON
		}
		if err := name(); err != nil {
			return err
		}
		if t.space(); t.at() != ':' {
			return ErrNotJSON
		}
		t.i++
		t.space()
		if err := value(); err != nil {
			return err
		}
		if more, err := t.more('}'); !more {
			return err
		}
	}
}

// more steps behind a comma, or behind the end of a container.
func (t *transcoder) more(end byte) (bool, error) {
	t.space()
	switch t.at() {
	case ',':
		t.i++
		t.space()
		return true, nil
	case end:
		t.i++
		return false, nil
	default:
		return false, ErrNotJSON
	}
}

// enter steps behind an opening bracket, and behind the closing one if that follows.
func (t *transcoder) enter(end byte) (empty bool) {
	t.i++
	if t.space(); t.at() != end {
		return false
	}
	t.i++
	return true
}

// headerKind are the first bytes of the three headers of a container.
type headerKind struct{ fix, short, long byte }

var (
	arrayHeader = headerKind{fix: 0x90, short: 0xdc, long: 0xdd}
	mapHeader   = headerKind{fix: 0x80, short: 0xde, long: 0xdf}
)

// header is the place of a container's header, whose length is known at the end of the container.
type header struct {
	kind headerKind
	at   int
	wide bool
}

// maxMoving is how deep containers lie whose header may have to grow, for which all that is in them
// moves. Deeper ones have the longest header at once: what moves is bounded by a few times the text.
const maxMoving = 8

const wideHeader = 5 // bytes

// open writes the header of an empty container.
func (t *transcoder) open(depth int, kind headerKind) header {
	h := header{kind: kind, at: len(t.out), wide: depth > maxMoving}
	if t.skip {
		return h
	}
	if h.wide {
		t.out = append(t.out, kind.long, 0, 0, 0, 0)
	} else {
		t.out = append(t.out, kind.fix)
	}
	return h
}

// close writes the length of a container, which is all that follows its header.
func (t *transcoder) close(h header, n uint32) {
	switch {
	case t.skip:
	case h.wide:
		binary.BigEndian.PutUint32(t.out[h.at+1:], n)
	case n < 1<<4:
		t.out[h.at] = h.kind.fix | byte(n)
	case n < 1<<16:
		t.grow(h.at+1, 2)
		t.out[h.at] = h.kind.short
		binary.BigEndian.PutUint16(t.out[h.at+1:], uint16(n)) //nolint:gosec // it is below 1<<16 here
	default:
		t.grow(h.at+1, wideHeader-1)
		t.out[h.at] = h.kind.long
		binary.BigEndian.PutUint32(t.out[h.at+1:], n)
	}
}

// grow makes room for n bytes at a place.
func (t *transcoder) grow(at, n int) {
	t.out = append(t.out, make([]byte, n)...)
	copy(t.out[at+n:], t.out[at:])
}

func (t *transcoder) number() error {
	start := t.i
	if t.at() == '-' {
		t.i++
	}
	if c := t.at(); c == '0' {
		t.i++
	} else if !t.digits() {
		return ErrNotJSON
	}
	whole := true
	if t.at() == '.' {
		whole = false
		if t.i++; !t.digits() {
			return ErrNotJSON
		}
	}
	if c := t.at(); c == 'e' || c == 'E' {
		whole = false
		if t.i++; t.at() == '+' || t.at() == '-' {
			t.i++
		}
		if !t.digits() {
			return ErrNotJSON
		}
	}
	if t.skip {
		return nil
	}
	var exact bool
	t.out, exact = appendNumber(t.out, t.text[start:t.i], whole)
	t.inexact = t.inexact || !exact
	return nil
}

// digits steps over digits, of which there must be one.
func (t *transcoder) digits() bool {
	start := t.i
	for '0' <= t.at() && t.at() <= '9' {
		t.i++
	}
	return t.i > start
}

func (t *transcoder) literal(want string, packed byte) error {
	if len(t.text)-t.i < len(want) || string(t.text[t.i:t.i+len(want)]) != want {
		return ErrNotJSON
	}
	t.i += len(want)
	if !t.skip {
		t.out = append(t.out, packed)
	}
	return nil
}

func (t *transcoder) space() {
	for t.i < len(t.text) {
		switch t.text[t.i] {
		case ' ', '\t', '\n', '\r':
			t.i++
		default:
			return
		}
	}
}

// at returns the byte at hand, and 0, which is never part of JSON, behind the end.
func (t *transcoder) at() byte {
	if t.i < len(t.text) {
		return t.text[t.i]
	}
	return 0
}
