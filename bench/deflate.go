package bench

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
)

// opDeflated is set in the opcode of a message that is compressed (RFC 7692 section 6: the bit RSV1).
const opDeflated = 0x40

// deflateOffer asks for compression without context takeover, so that each message can be inflated by itself: with a
// context, every connection would need a window of 32 KB in this process.
const deflateOffer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// deflateTail is what the sender cut off (RFC 7692 section 7.2.1), and an empty last block behind it, for the reader to end.
const deflateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// acceptsDeflate reports whether the server's answer to the offer is one that inflater can read.
func acceptsDeflate(extensions string) bool {
	name, parameters, _ := strings.Cut(extensions, ";")
	return strings.TrimSpace(name) == "permessage-deflate" && strings.Contains(parameters, "server_no_context_takeover")
}

// inflater inflates messages. It remembers the last one: a broadcast reaches many connections with the same bytes, and
// to inflate each of them would measure this process and not the server.
type inflater struct {
	last, text []byte
	source     bytes.Reader
	input      []byte
	reader     io.Reader
}

// inflate returns the text of a compressed message, until the next call.
func (f *inflater) inflate(payload []byte) ([]byte, error) {
	if f.reader != nil && bytes.Equal(payload, f.last) {
		return f.text, nil
	}
	f.input = append(append(f.input[:0], payload...), deflateTail...)
	f.source.Reset(f.input)
	if f.reader == nil {
		f.reader = flate.NewReader(&f.source)
	} else if err := f.reader.(flate.Resetter).Reset(&f.source, nil); err != nil { //nolint:errcheck,forcetypeassert // package flate promises it
		return nil, err
	}
	text := bytes.NewBuffer(f.text[:0])
	n, err := io.Copy(text, io.LimitReader(f.reader, maxFrame+1))
	f.text, f.last = text.Bytes(), append(f.last[:0], payload...)
	switch {
	case err != nil:
		f.last = nil
		return nil, fmt.Errorf("%w: a compressed message: %w", ErrProtocol, err)
	case n > maxFrame:
		f.last = nil
		return nil, fmt.Errorf("%w: a compressed message of more than %d bytes", ErrProtocol, maxFrame)
	}
	return f.text, nil
}

// inflated is the text of a compressed message of a connection that may have such messages.
func inflated(f *inflater, agreed bool, payload []byte) ([]byte, error) {
	if !agreed {
		return nil, fmt.Errorf("%w: a compressed message that nobody asked for", ErrProtocol)
	}
	return f.inflate(payload)
}

// appendWords appends text that compresses about as well as what people write does.
func appendWords(dst []byte, size int) []byte {
	words := strings.Fields("the message that a user sends to a room has words of many kinds and numbers such as 17 4096 and 2026 among names like Anna Bob Carla while the server asks nobody what they mean")
	number := uint32(1)
	for end := len(dst) + size; ; {
		number = number*1664525 + 1013904223                                      // Numerical Recipes' generator: the same text in every run
		dst = append(append(dst, words[(number>>16)%uint32(len(words))]...), ' ') //nolint:gosec // few words
		if len(dst) >= end {
			return dst[:end]
		}
	}
}
