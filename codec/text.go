package codec

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// replacement stands for bytes that are not UTF-8: text frames must be (RFC 6455 section 8.1).
const replacement = "\ufffd"

// AppendText appends text as a JSON string, as JSON.stringify writes it. A run of bytes that are not
// UTF-8 becomes U+FFFD.
func AppendText[T string | []byte](b []byte, text T) []byte {
	switch t := any(text).(type) {
	case string:
		if !utf8.ValidString(t) {
			return appendQuoted(b, strings.ToValidUTF8(t, replacement))
		}
	case []byte:
		if !utf8.Valid(t) {
			return appendQuoted(b, bytes.ToValidUTF8(t, []byte(replacement)))
		}
	}
	return appendQuoted(b, text)
}

// appendQuoted is AppendText of UTF-8.
func appendQuoted[T string | []byte](b []byte, text T) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	done := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(append(b, text[done:i]...), '\\')
		done = i + 1
		switch c {
		case '"', '\\':
			b = append(b, c)
		case '\b':
			b = append(b, 'b')
		case '\f':
			b = append(b, 'f')
		case '\n':
			b = append(b, 'n')
		case '\r':
			b = append(b, 'r')
		case '\t':
			b = append(b, 't')
		default:
			b = append(b, 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, text[done:]...), '"')
}
