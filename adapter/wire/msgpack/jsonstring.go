package msgpack

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"
)

func (t *transcoder) string() error {
	start := t.i + 1
	escaped := false
	end := start
	for ; ; end++ {
		if end >= len(t.text) {
			t.i = end
			return ErrNotJSON
		}
		c := t.text[end]
		if c == '"' {
			break
		}
		if c < ' ' {
			t.i = end
			return ErrNotJSON
		}
		if c == '\\' {
			escaped = true
			end++
		}
	}
	t.i = end + 1
	switch {
	case escaped:
		return t.unescape(t.text[start:end])
	case !t.skip:
		t.out = msgp.AppendStringFromBytes(t.out, t.text[start:end])
	}
	return nil
}

// unescape writes a string that has escapes. They only get shorter: the header is that of the longest
// string that it can be.
func (t *transcoder) unescape(s []byte) error {
	at := len(t.out)
	size := stringHeader(len(s))
	t.out = append(t.out, make([]byte, size)...)
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			t.out = append(t.out, s[i])
			continue
		}
		i++
		switch c := s[i]; c { // never the last one: string has seen what follows
		case '"', '\\', '/':
			t.out = append(t.out, c)
		case 'b':
			t.out = append(t.out, '\b')
		case 'f':
			t.out = append(t.out, '\f')
		case 'n':
			t.out = append(t.out, '\n')
		case 'r':
			t.out = append(t.out, '\r')
		case 't':
			t.out = append(t.out, '\t')
		case 'u':
			r, n := unicodeEscape(s[i-1:])
			if n == 0 {
				return ErrNotJSON
			}
			if utf16.IsSurrogate(r) {
				r, t.inexact = utf8.RuneError, true
			}
			t.out = utf8.AppendRune(t.out, r)
			i += n - 2
		default:
			return ErrNotJSON
		}
	}
	if t.skip {
		t.out = t.out[:at]
		return nil
	}
	putStringHeader(t.out[at:at+size], len(t.out)-at-size)
	return nil
}

// unicodeEscape reads \uXXXX, or two that are a surrogate pair, at the head of s, and returns how many
// bytes that took; 0 when there is none. Half of a pair is returned as it is.
func unicodeEscape(s []byte) (r rune, n int) {
	const size = len(`\u0000`)
	r, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if second, ok := hex4(s[size:]); ok && utf16.IsSurrogate(r) {
		if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
			return pair, 2 * size
		}
	}
	return r, size
}

func hex4(s []byte) (r rune, ok bool) {
	if len(s) < len(`\u0000`) || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range s[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// stringHeader returns the size of the header of a string of at most n bytes.
func stringHeader(n int) int {
	switch {
	case n < 1<<5:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	default:
		return 5
	}
}

func putStringHeader(h []byte, n int) {
	switch len(h) {
	case 1:
		h[0] = 0xa0 | byte(n)
	case 2:
		h[0], h[1] = 0xd9, byte(n)
	case 3:
		h[0] = 0xda
		binary.BigEndian.PutUint16(h[1:], uint16(n)) //nolint:gosec // stringHeader has measured it
	default:
		h[0] = 0xdb
		binary.BigEndian.PutUint32(h[1:], uint32(n)) //nolint:gosec // a text is never that long
	}
}
