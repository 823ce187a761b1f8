package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"chorus/internal/emitter"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// eventDecoded is what a decoder emits for every packet.
const eventDecoded types.EventName = "decoded"

// maxKeptBytes is how long a name may be for a decoder to keep it.
const maxKeptBytes = 64

// decoder reads the packets of one connection.
type decoder struct {
	emitter.Emitter
	opts *Options

	// pending is the packet that waits for its attachments. Destroy may come at any time.
	pending atomic.Pointer[pending]

	// A client says the same thing again and again: the names of the last packet, which are
	// strings that need not be made anew. nsp is empty at first, event is nil.
	nsp   string
	event any
}

// frame is a packet with room for what most packets have, so that they are one piece of memory.
type frame struct {
	packet parser.Packet
	id     uint64
	args   [4]any
	emit   [1]any
	slots  slots
}

// Add takes the next frame of the connection, text or binary, and emits the packet once it is
// complete. It keeps nothing of data. After an error the connection has to be closed.
func (d *decoder) Add(data any) error {
	err := d.add(data)
	if err != nil {
		d.opts.OnInvalid(err)
	}
	return err
}

func (d *decoder) add(data any) error {
	switch v := data.(type) {
	case *types.StringBuffer:
		return d.addText(v.Bytes())
	case string:
		return d.addText([]byte(v))
	case *strings.Reader:
		text, err := io.ReadAll(v)
		if err != nil {
			return err
		}
		return d.addText(text)
	case []byte:
		return d.addAttachment(append([]byte{}, v...))
	case types.BufferInterface:
		return d.addAttachment(append([]byte{}, v.Bytes()...))
	case io.Reader:
		attachment, err := readAll(v)
		if err != nil {
			return err
		}
		return d.addAttachment(attachment)
	default:
		return invalid("a frame of type %T", data)
	}
}

// Destroy drops a packet that waits for its attachments.
func (d *decoder) Destroy() { d.pending.Store(nil) }

func (d *decoder) addText(b []byte) error {
	if d.pending.Swap(nil) != nil {
		return invalid("text where an attachment is expected")
	}
	f, err := d.decode(b)
	if err != nil {
		return err
	}
	if len(f.slots) > 0 {
		d.pending.Store(&pending{frame: f})
		return nil
	}
	d.deliver(f)
	return nil
}

func (d *decoder) addAttachment(attachment []byte) error {
	p := d.pending.Load()
	if p == nil {
		return invalid("an attachment without a packet")
	}
	if p.put(attachment) {
		d.pending.CompareAndSwap(p, nil)
		d.deliver(p.frame)
	}
	return nil
}

// deliver is Emit without an allocation.
func (d *decoder) deliver(f *frame) {
	if f.packet.Type == parser.CONNECT {
		d.opts.OnConnect(f.packet.Nsp)
	}
	f.emit[0] = &f.packet
	d.Emit(eventDecoded, f.emit[:]...)
}

// decode reads <type>[<attachments>-][<namespace>,][<id>][<JSON>].
func (d *decoder) decode(b []byte) (*frame, error) {
	if len(b) == 0 {
		return nil, invalid("empty")
	}
	if !utf8.Valid(b) {
		return nil, invalid("not UTF-8")
	}
	f := &frame{}
	f.packet.Type = parser.PacketType(b[0]) - '0'
	if !f.packet.Type.Valid() {
		return nil, invalid("unknown type %q", b[0])
	}
	i := 1
	var err error
	if f.isBinary() {
		if i, err = d.attachments(f, b, i); err != nil {
			return nil, err
		}
	}
	if i, err = d.namespace(f, b, i); err != nil {
		return nil, err
	}
	if i < len(b) && isDigit(b[i]) {
		n, end, ok := number(b, i)
		if !ok {
			return nil, invalid("illegal id at byte %d", i)
		}
		f.id, i = n, end
		f.packet.Id = &f.id
	}
	return f, d.payload(f, b, i)
}

// isBinary tells whether the packet may have attachments.
func (f *frame) isBinary() bool {
	return f.packet.Type == parser.BINARY_EVENT || f.packet.Type == parser.BINARY_ACK
}

func (d *decoder) attachments(f *frame, b []byte, i int) (int, error) {
	n, end, ok := number(b, i)
	if !ok || end == len(b) || b[end] != '-' {
		return i, invalid("illegal number of attachments at byte %d", i)
	}
	if n > uint64(d.opts.MaxAttachments) { //nolint:gosec // New sees to it that it is not negative
		return i, ErrTooManyAttachments
	}
	f.slots = make(slots, n)
	return end + 1, nil
}

// namespace reads the namespace, which ends at a comma or with the packet. A query stays with it:
// only clients of Socket.IO v2 send one, and the library knows which they are.
func (d *decoder) namespace(f *frame, b []byte, i int) (int, error) {
	if i == len(b) || b[i] != '/' {
		f.packet.Nsp = "/"
		return i, nil
	}
	name, next := b[i:], len(b)
	if comma := bytes.IndexByte(name, ','); comma >= 0 {
		name, next = name[:comma], i+comma+1
	}
	if len(name) > d.opts.MaxNamespaceBytes {
		return i, invalid("a namespace of %d bytes", len(name))
	}
	if string(name) != d.nsp {
		f.packet.Nsp = string(name)
		if len(name) <= maxKeptBytes {
			d.nsp = f.packet.Nsp
		}
		return next, nil
	}
	f.packet.Nsp = d.nsp
	return next, nil
}

func (d *decoder) payload(f *frame, b []byte, i int) error {
	s := scanner{b: b, maxDepth: d.opts.MaxDepth}
	i = s.space(i)
	switch t := f.packet.Type; {
	case t == parser.DISCONNECT:
		if i < len(b) {
			return invalid("a DISCONNECT with data at byte %d", i)
		}
		return nil
	case t == parser.CONNECT && i == len(b):
		return nil
	case t == parser.CONNECT || t == parser.CONNECT_ERROR:
		return d.object(f, &s, i)
	default:
		return d.arguments(f, &s, i)
	}
}

// object reads what comes with CONNECT: an object. The library's own parser takes null as well, and
// a string with CONNECT_ERROR, which no client sends.
func (d *decoder) object(f *frame, s *scanner, i int) error {
	end, err := s.value(i, 0)
	if err == nil && s.space(end) < len(s.b) {
		err = errNotJSON
	}
	if err != nil {
		return invalid("%w, at byte %d", err, end)
	}
	data, err := decodeJSON(s.b[i:end])
	if err != nil {
		return invalid("%w", err)
	}
	switch data.(type) {
	case nil:
		if f.packet.Type == parser.CONNECT {
			return nil
		}
	case string:
		if f.packet.Type == parser.CONNECT_ERROR {
			f.packet.Data = data
			return nil
		}
	case map[string]any:
		f.packet.Data = data
		return nil
	}
	return invalid("data of a %v at byte %d is no object", f.packet.Type, i)
}

// arguments reads the array of an event or an acknowledgement.
func (d *decoder) arguments(f *frame, s *scanner, i int) error {
	if s.at(i) != '[' {
		return invalid("no list of arguments at byte %d", i)
	}
	var few [16]int
	bounds, end, err := s.array(i, 1, few[:0])
	if err == nil && s.space(end) < len(s.b) {
		end, err = s.space(end), errNotJSON
	}
	if err != nil {
		return invalid("%w, at byte %d", err, end)
	}
	n := len(bounds) / 2
	if n > d.opts.MaxArguments {
		return invalid("%d arguments, more than %d", n, d.opts.MaxArguments)
	}
	room := n
	if f.packet.Id != nil {
		room++ // the library appends the acknowledgement
	}
	var args []any
	if room <= len(f.args) {
		args = f.args[:n:room]
	} else {
		args = make([]any, n, room)
	}
	f.packet.Data = args
	if f.packet.Type == parser.EVENT || f.packet.Type == parser.BINARY_EVENT {
		if n == 0 {
			return invalid("an event without a name")
		}
		if args[0], err = d.name(s.b[bounds[0]:bounds[1]]); err != nil {
			return err
		}
		args, bounds = args[1:], bounds[2:]
	}
	if len(args) == 0 {
		return nil
	}

	// One copy for all, each with a capacity that keeps it from growing into the next one.
	first := bounds[0]
	raw := make([]byte, bounds[len(bounds)-1]-first)
	copy(raw, s.b[first:])
	for k := range args {
		from, to := bounds[2*k]-first, bounds[2*k+1]-first
		if f.isBinary() {
			err = f.slots.argument(args, k, raw[from:to:to])
			if err != nil {
				return err
			}
			continue
		}
		args[k] = json.RawMessage(raw[from:to:to])
	}
	return nil
}

// name returns the name of an event, a string as any. JavaScript allows numbers, and finds the
// listeners of their text.
func (d *decoder) name(text []byte) (any, error) {
	if c := text[0]; c != '"' {
		if c == '-' || isDigit(c) {
			return string(text), nil
		}
		return nil, invalid("the event's name is neither a string nor a number")
	}
	var name string
	if bytes.IndexByte(text, '\\') >= 0 {
		if err := json.Unmarshal(text, &name); err != nil {
			return nil, invalid("the event's name: %w", err)
		}
	} else {
		if last, ok := d.event.(string); ok && last == string(text[1:len(text)-1]) {
			return d.event, nil
		}
		name = string(text[1 : len(text)-1])
	}
	if parser.ReservedEvents.Has(name) {
		return nil, invalid("the event's name %q is reserved", name)
	}
	boxed := any(name)
	if len(name) <= maxKeptBytes {
		d.event = boxed
	}
	return boxed, nil
}

// number reads a decimal number without leading zeros, of which no encoder writes any.
func number(b []byte, i int) (n uint64, end int, ok bool) {
	const limit = (1<<64 - 1) / 10
	for end = i; end < len(b) && isDigit(b[end]); end++ {
		digit := uint64(b[end] - '0')
		if n > limit || n == limit && digit > 5 || n == 0 && end > i {
			return 0, end, false
		}
		n = n*10 + digit
	}
	return n, end, end > i
}

// decodeJSON returns JSON that has been checked as Go values, with numbers as json.Number.
func decodeJSON(text []byte) (any, error) {
	var value any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err := d.Decode(&value)
	return value, err
}

// readAll drains a reader, which may panic when it is a nil pointer, and closes it.
func readAll(r io.Reader) (content []byte, err error) {
	defer recoverTo(&err)
	content, err = io.ReadAll(r)
	if closer, ok := r.(io.Closer); ok {
		err = errors.Join(err, closer.Close())
	}
	return content, err
}
