// Package frame reads and writes the frames of WebSockets (RFC 6455), compressed ones too (RFC 7692). It knows neither
// connections nor Engine.IO: bytes come in, messages go out.
package frame

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

var (
	// ErrFrame means that a client broke the rules of WebSocket (RFC 6455).
	ErrFrame = errors.New("engine: invalid frame")

	// ErrTooLarge means that a client sent more than it may.
	ErrTooLarge = errors.New("engine: payload too large")
)

// Reader joins the frames of a client to messages. Its zero value is ready for use.
type Reader struct {
	rest []byte // the beginning of a frame whose end is still to come

	message    []byte // the fragments of a message whose end is still to come
	op         ws.OpCode
	fragmented bool
	compressed bool

	// Deflate says that permessage-deflate was negotiated.
	Deflate bool
}

// Handler takes what a Reader has read. The data is valid during the call only.
type Handler interface {
	OnMessage(data []byte, binary bool) error
	OnControl(op ws.OpCode, data []byte) error
	// MaxMessage returns how many bytes the next message may have.
	MaxMessage() int64
}

// maxKeptBytes is how large a buffer for an incomplete frame may be to be kept for the next one.
const maxKeptBytes = 4 << 10

// Feed looks at the next bytes of the connection, which it may change.
func (r *Reader) Feed(chunk []byte, h Handler) error {
	data := chunk
	if len(r.rest) > 0 {
		r.rest = append(r.rest, chunk...)
		data = r.rest
	}
	for len(data) > 0 {
		n, err := r.frame(data, h)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		data = data[n:]
	}
	switch {
	case len(data) > 0:
		r.rest = append(r.rest[:0], data...) // moves to the front what lies in rest itself
	case cap(r.rest) > maxKeptBytes:
		r.rest = nil
	default:
		r.rest = r.rest[:0]
	}
	return nil
}

// Held returns how many bytes of incomplete frames and messages the reader holds.
func (r *Reader) Held() int64 { return int64(len(r.rest) + len(r.message)) }

// frame looks at the frame at the head of data and returns its length, 0 when it is not complete.
func (r *Reader) frame(data []byte, h Handler) (int, error) {
	header, start, err := parseHeader(data)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	if start == 0 {
		return 0, nil
	}
	if err := r.check(header, h.MaxMessage()); err != nil {
		return 0, err
	}
	if int64(len(data)-start) < header.Length {
		return 0, nil
	}
	end := start + int(header.Length)
	payload := data[start:end]
	ws.Cipher(payload, header.Mask, 0)
	if header.OpCode.IsControl() {
		return end, h.OnControl(header.OpCode, payload)
	}
	return end, r.data(header, payload, h)
}

// check applies the rules of RFC 6455 section 5 and the limit.
func (r *Reader) check(header ws.Header, most int64) error {
	state := ws.StateServerSide
	if r.fragmented {
		state |= ws.StateFragmented
	}
	if r.Deflate {
		state |= ws.StateExtended
	}
	if err := ws.CheckHeader(header, state); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	if header.Rsv&^4 != 0 || header.Rsv != 0 && (header.OpCode.IsControl() || header.OpCode == ws.OpContinuation) {
		return fmt.Errorf("%w: %w", ErrFrame, ws.ErrProtocolNonZeroRsv)
	}
	if header.Length < 0 || header.Length > most-int64(len(r.message)) && !header.OpCode.IsControl() {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
	}
	return nil
}

// data takes a frame of data, which is a message or a fragment of one.
func (r *Reader) data(header ws.Header, payload []byte, h Handler) error {
	if header.OpCode != ws.OpContinuation {
		r.op, r.compressed = header.OpCode, header.Rsv != 0
	}
	if !header.Fin || r.fragmented {
		r.message = append(r.message, payload...)
		if r.fragmented = !header.Fin; r.fragmented {
			return nil
		}
		payload = r.message
		defer func() { r.message = nil }()
	}
	if r.compressed {
		var err error
		if payload, err = inflate(payload, h.MaxMessage()); err != nil {
			return err
		}
	}
	if r.op == ws.OpText && !utf8.Valid(payload) {
		return fmt.Errorf("%w: %w", ErrFrame, ws.ErrProtocolInvalidUTF8)
	}
	return h.OnMessage(payload, r.op == ws.OpBinary)
}
