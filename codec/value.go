package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// value appends a value that lies depth levels deep.
func (w *writer) value(value any, depth int) {
	switch v := value.(type) {
	case nil:
		w.buf = append(w.buf, "null"...)
	case json.RawMessage:
		w.raw(v)
	case string:
		w.buf = AppendText(w.buf, v)
	case bool:
		w.buf = strconv.AppendBool(w.buf, v)
	case int:
		w.buf = strconv.AppendInt(w.buf, int64(v), 10)
	case int64:
		w.buf = strconv.AppendInt(w.buf, v, 10)
	case uint64:
		w.buf = strconv.AppendUint(w.buf, v, 10)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			w.buf = append(w.buf, "null"...) // as JSON.stringify does
			return
		}
		w.marshal(v)
	case []any:
		w.list(v, depth+1)
	case map[string]any:
		w.object(v, depth+1)
	case *types.StringBuffer, *strings.Reader:
		w.text(v)
	default:
		if w.binary && parser.IsBinary(v) {
			w.attach(v)
			return
		}
		w.marshal(v)
	}
}

func (w *writer) list(values []any, depth int) {
	if depth > w.opts.MaxDepth {
		w.tooDeep = true
		return
	}
	w.buf = append(w.buf, '[')
	for i, value := range values {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		if w.value(value, depth); w.tooDeep {
			return
		}
	}
	w.buf = append(w.buf, ']')
}

func (w *writer) object(members map[string]any, depth int) {
	if depth > w.opts.MaxDepth {
		w.tooDeep = true
		return
	}
	if w.binary && isPlaceholder(members) {
		w.unsendable(members, errPlaceholder)
		return
	}
	w.buf = append(w.buf, '{')
	for i, key := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = append(AppendText(w.buf, key), ':')
		if w.value(members[key], depth); w.tooDeep {
			return
		}
	}
	w.buf = append(w.buf, '}')
}

// raw appends a JSON text. A program may have made it, so it must not tear the packet.
func (w *writer) raw(text json.RawMessage) {
	if len(text) == 0 {
		w.buf = append(w.buf, "null"...) // as encoding/json does
		return
	}
	if err := check(text, w.opts.MaxDepth); err != nil {
		w.unsendable(text, err)
		return
	}
	w.checked(text)
}

// checked appends a JSON text that is known to be one.
func (w *writer) checked(text []byte) {
	if w.binary && hasPlaceholder(text) {
		// The receiver would put an attachment there, or close the connection for want of one.
		w.unsendable(json.RawMessage(text), errPlaceholder)
		return
	}
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte(replacement)) // text frames must be UTF-8 (RFC 6455 section 8.1)
	}
	w.buf = append(w.buf, text...)
}

func (w *writer) marshal(value any) {
	text, err := marshal(value)
	if err != nil {
		w.unsendable(value, err)
		return
	}
	w.checked(text)
}

// text appends the content of the two readers that stand for text.
func (w *writer) text(reader any) {
	content, err := readText(reader)
	if err != nil {
		w.unsendable(reader, err)
		return
	}
	w.buf = AppendText(w.buf, content)
}

func (w *writer) attach(value any) {
	content, err := readBinary(value)
	if err != nil {
		w.unsendable(value, err)
		return
	}
	w.buf = appendPlaceholder(w.buf, len(w.attachments))
	w.attachments = append(w.attachments, types.NewBytesBuffer(content))
}

// unsendable appends null in the place of a value.
func (w *writer) unsendable(value any, err error) {
	w.buf = append(w.buf, "null"...)
	w.report(value, err)
}

// readText returns the content of a *types.StringBuffer, which keeps it, or a *strings.Reader.
func readText(reader any) (content string, err error) {
	defer recoverTo(&err)
	if buffer, ok := reader.(fmt.Stringer); ok {
		return buffer.String(), nil
	}
	var b strings.Builder
	_, err = io.Copy(&b, reader.(io.Reader)) //nolint:errcheck,forcetypeassert // the caller's contract
	return b.String(), err
}

// readBinary returns a copy of a binary value's content. Buffers keep theirs: a packet may be
// encoded again.
func readBinary(value any) (content []byte, err error) {
	defer recoverTo(&err)
	switch v := value.(type) {
	case []byte:
		return append([]byte{}, v...), nil
	case types.BufferInterface:
		return append([]byte{}, v.Bytes()...), nil
	case io.Reader:
		return readAll(v)
	default:
		return nil, fmt.Errorf("a value of type %T is not binary", value)
	}
}

// marshal is json.Marshal for readers that are not HTML. The program's own methods may panic, for
// which a node with thousands of clients must not end.
func marshal(value any) (text []byte, err error) {
	defer recoverTo(&err)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err = e.Encode(value)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

func recoverTo(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("panic: %v", r)
	}
}
