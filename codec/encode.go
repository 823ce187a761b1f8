package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

var errIllFormed = errors.New("the packet would be ill-formed: it is not sent")

// encoder writes packets. It has no state.
type encoder struct{ opts *Options }

// Encode returns the frames of a packet: the text, and then the attachments, which are the values
// of type []byte, types.BufferInterface and io.Reader in the lists ([]any) and objects
// (map[string]any) of an event or an acknowledgement. Readers are drained. All other values go as
// encoding/json writes them; a json.RawMessage goes as it is once it is known to be JSON.
//
// What cannot be sent is told to Options.OnUnsendable. There are no frames when the packet would
// be ill-formed.
func (e *encoder) Encode(p *parser.Packet) []types.BufferInterface {
	w := writer{opts: e.opts, buf: make([]byte, 0, estimate(p))}
	kind := p.Type
	switch kind {
	case parser.EVENT, parser.BINARY_EVENT:
		kind, w.binary = parser.EVENT, hasBinary(p.Data, e.opts.MaxDepth)
	case parser.ACK, parser.BINARY_ACK:
		kind, w.binary = parser.ACK, hasBinary(p.Data, e.opts.MaxDepth)
	}
	if !w.binary {
		w.header(kind, p)
	}
	start := len(w.buf)
	w.payload(kind, p)
	if !wellFormed(kind, w.buf[start:]) {
		w.report(p.Data, errIllFormed)
		return nil
	}
	if !w.binary {
		return []types.BufferInterface{types.NewStringBuffer(w.buf)}
	}

	// The header says how many attachments there are, which is known only now.
	body := w.buf
	w.buf = make([]byte, 0, estimate(p)+len(body))
	if len(w.attachments) > 0 {
		kind += parser.BINARY_EVENT - parser.EVENT
	}
	w.header(kind, p)
	w.buf = append(w.buf, body...)
	return append([]types.BufferInterface{types.NewStringBuffer(w.buf)}, w.attachments...)
}

// wellFormed tells whether a client could read the payload: an event is an array that begins with
// a name, an acknowledgement is an array.
func wellFormed(kind parser.PacketType, payload []byte) bool {
	switch kind {
	case parser.EVENT:
		return len(payload) > 2 && payload[0] == '[' && (payload[1] == '"' || payload[1] == '-' || isDigit(payload[1]))
	case parser.ACK:
		return len(payload) > 0 && payload[0] == '['
	default:
		return kind.Valid()
	}
}

// writer is one packet on its way to its frames.
type writer struct {
	opts        *Options
	buf         []byte
	binary      bool // binary values become attachments
	attachments []types.BufferInterface
	event       string
	argument    int
	tooDeep     bool // the value at hand is: stop, since a value that contains itself has no end
}

func (w *writer) header(kind parser.PacketType, p *parser.Packet) {
	w.buf = append(w.buf, byte(kind)+'0')
	if kind == parser.BINARY_EVENT || kind == parser.BINARY_ACK {
		w.buf = append(strconv.AppendInt(w.buf, int64(len(w.attachments)), 10), '-')
	}
	if p.Nsp != "" && p.Nsp != "/" {
		w.buf = append(append(w.buf, p.Nsp...), ',')
	}
	if p.Id != nil {
		w.buf = strconv.AppendUint(w.buf, *p.Id, 10)
	}
}

func (w *writer) payload(kind parser.PacketType, p *parser.Packet) {
	args, isList := p.Data.([]any)
	switch {
	case kind == parser.DISCONNECT:
	case kind == parser.ACK && p.Data == nil:
		w.buf = append(w.buf, "[]"...)
	case isList && (kind == parser.EVENT || kind == parser.ACK):
		if kind == parser.EVENT && len(args) > 0 {
			w.event, _ = args[0].(string)
		}
		w.arguments(args)
	case p.Data != nil:
		// As in Node.js, a refusal without data has no such member.
		if refused, ok := p.Data.(map[string]any); ok && kind == parser.CONNECT_ERROR && refused["data"] == nil {
			refused = maps.Clone(refused)
			delete(refused, "data")
			p = &parser.Packet{Data: refused}
		}
		start := len(w.buf)
		w.whole(p.Data, 0)
		if isNull(w.buf[start:]) && (kind == parser.CONNECT || kind == parser.CONNECT_ERROR) {
			w.buf = append(w.buf[:start], "{}"...)
		}
	}
}

func isNull(text []byte) bool { return string(text) == "null" }

func (w *writer) arguments(args []any) {
	w.buf = append(w.buf, '[')
	for i, arg := range args {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.argument = i
		w.whole(arg, 1)
	}
	w.buf = append(w.buf, ']')
}

// whole appends a value, or null when it is too deep at any place.
func (w *writer) whole(value any, depth int) {
	start, attachments := len(w.buf), len(w.attachments)
	w.value(value, depth)
	if w.tooDeep {
		w.tooDeep = false
		w.buf, w.attachments = w.buf[:start], w.attachments[:attachments]
		w.unsendable(value, errTooDeep)
	}
}

func (w *writer) report(value any, err error) {
	w.opts.OnUnsendable(fmt.Errorf("%w: event %q, args[%d], a value of type %T: %w", ErrUnsendable, w.event, w.argument, value, err))
}

// hasBinary is parser.HasBinary with a bound, where it stops looking: there may be something.
func hasBinary(value any, depth int) bool {
	if depth < 0 {
		return true
	}
	switch v := value.(type) {
	case nil, string, json.RawMessage:
		return false
	case []any:
		for _, inner := range v {
			if hasBinary(inner, depth-1) {
				return true
			}
		}
		return false
	case map[string]any:
		for _, inner := range v {
			if hasBinary(inner, depth-1) {
				return true
			}
		}
		return false
	default:
		return parser.IsBinary(v)
	}
}

// estimate returns how much memory a packet's text takes, or about that.
func estimate(p *parser.Packet) int {
	const header, other = 32, 24 // what is not counted: type, number, id, commas; other values
	n := header + len(p.Nsp)
	args, _ := p.Data.([]any)
	for _, arg := range args {
		switch v := arg.(type) {
		case json.RawMessage:
			n += len(v)
		case string:
			n += len(v) + len(v)/8
		default:
			n += other
		}
	}
	return n
}
