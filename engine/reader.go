package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/gobwas/ws"
)

// Why a WebSocket is closed (RFC 6455 section 7.4.1 has the codes).
var (
	// ErrFrame means that a client broke the rules of WebSocket (RFC 6455).
	ErrFrame = errors.New("engine: invalid frame")

	// ErrPayloadTooLarge means that a client sent more than Options.MaxPayload.
	ErrPayloadTooLarge = errors.New("engine: payload too large")

	errClosedByClient = errors.New("the client closed the connection")
)

// reader reads the frames of a WebSocket and joins them to messages.
type reader struct {
	link    *link
	buffers *bufferPool
	max     func() int64 // bytes that a message may have
	held    share        // of what is incomplete
	deflate bool         // permessage-deflate was negotiated

	buf *[]byte // what was read, while it is looked at
	n   int
	err error
	fn  func(fd uintptr) bool

	rest []byte // the beginning of a frame whose end is still to come

	message    []byte // the fragments of a message whose end is still to come
	op         ws.OpCode
	fragmented bool
	compressed bool

	header bytes.Reader
}

// handler takes what a reader has read. The data is valid during the call only.
type handler interface {
	onMessage(data []byte, binary bool) error
	onControl(op ws.OpCode, data []byte) error
}

// next waits for the next bytes and looks at them.
func (r *reader) next(h handler) error {
	defer r.release()
	if err := r.fill(); err != nil {
		return err
	}
	return r.feed((*r.buf)[:r.n], h)
}

// fillHolding reads from a connection without a descriptor, and holds a buffer while it waits.
func (r *reader) fillHolding() error {
	r.buf = r.buffers.get()
	n, err := r.link.conn.Read(*r.buf)
	r.n = n
	if n > 0 {
		return nil
	}
	return err
}

func (r *reader) release() {
	if r.buf != nil {
		r.buffers.put(r.buf)
		r.buf = nil
	}
}

// maxKeptBytes is how large a buffer for an incomplete frame may be to be kept for the next one.
const maxKeptBytes = 4 << 10

// feed looks at the next bytes of the connection, which it may change.
func (r *reader) feed(chunk []byte, h handler) error {
	defer r.header.Reset(nil) // it would hold the chunk
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
	return r.held.set(int64(len(r.rest) + len(r.message)))
}

// frame looks at the frame at the head of data and returns its length, 0 when it is not complete.
func (r *reader) frame(data []byte, h handler) (int, error) {
	r.header.Reset(data)
	header, err := ws.ReadHeader(&r.header)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	if err := r.check(header); err != nil {
		return 0, err
	}
	start := len(data) - r.header.Len()
	if int64(len(data)-start) < header.Length {
		return 0, nil
	}
	end := start + int(header.Length)
	payload := data[start:end]
	ws.Cipher(payload, header.Mask, 0)
	if header.OpCode.IsControl() {
		return end, h.onControl(header.OpCode, payload)
	}
	return end, r.data(header, payload, h)
}

// check applies the rules of RFC 6455 section 5 and the limit.
func (r *reader) check(header ws.Header) error {
	state := ws.StateServerSide
	if r.fragmented {
		state |= ws.StateFragmented
	}
	if r.deflate {
		state |= ws.StateExtended
	}
	if err := ws.CheckHeader(header, state); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	if header.Rsv&^4 != 0 || header.Rsv != 0 && (header.OpCode.IsControl() || header.OpCode == ws.OpContinuation) {
		return fmt.Errorf("%w: %w", ErrFrame, ws.ErrProtocolNonZeroRsv)
	}
	if most := r.max(); header.Length < 0 || header.Length > most-int64(len(r.message)) && !header.OpCode.IsControl() {
		return fmt.Errorf("%w: more than %d bytes", ErrPayloadTooLarge, most)
	}
	return nil
}

// data takes a frame of data, which is a message or a fragment of one.
func (r *reader) data(header ws.Header, payload []byte, h handler) error {
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
		if payload, err = inflate(payload, r.max()); err != nil {
			return err
		}
	}
	if r.op == ws.OpText && !validText(payload) {
		return fmt.Errorf("%w: %w", ErrFrame, ws.ErrProtocolInvalidUTF8)
	}
	return h.onMessage(payload, r.op == ws.OpBinary)
}
