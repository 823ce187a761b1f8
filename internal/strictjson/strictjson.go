// Package strictjson reads JSON that means the same to every parser.
package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep objects and arrays may be nested.
const maxDepth = 32

// The errors of [Parse]. They contain nothing of the text.
var (
	ErrNotObject = errors.New("not a JSON object")

	errUTF8      = errors.New("not UTF-8")
	errJSON      = errors.New("not JSON")
	errDuplicate = errors.New("a name occurs twice in an object")
	errDepth     = errors.New("nested too deep")
)

// Parse reads a JSON object that means the same to every parser: UTF-8, no name twice in an
// object (RFC 8259 section 4; escapes are resolved first), nothing after it. Numbers stay
// json.Number, with all their digits. Texts share the memory of text where they can.
func Parse(text string) (map[string]any, error) {
	if !utf8.ValidString(text) {
		return nil, errUTF8
	}
	if !json.Valid([]byte(text)) {
		return nil, errJSON
	}
	r := reader{text: text}
	value, err := r.value(maxDepth)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, ErrNotObject
	}
	return object, nil
}

// Member returns the value of a member of an object that Parse has accepted, and whether the object has it. The value
// is a new one with each call.
func Member(text, name string) (any, bool) {
	r := reader{text: text}
	r.punctuation() // the brace
	for r.peek() != '}' {
		found := r.string() == name
		r.punctuation() // the colon
		if found {
			value, err := r.value(maxDepth)
			return value, err == nil
		}
		r.skip()
		r.comma()
	}
	return nil, false
}

// reader reads a text that is known to be JSON (RFC 8259).
type reader struct {
	text string
	at   int
}

// peek returns the next character that is no space.
func (r *reader) peek() byte {
	for strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		r.at++
	}
	return r.text[r.at]
}

// punctuation goes behind the next character that is no space.
func (r *reader) punctuation() {
	r.peek()
	r.at++
}

func (r *reader) comma() {
	if r.peek() == ',' {
		r.at++
	}
}

func (r *reader) value(depth int) (any, error) {
	switch r.peek() {
	case '{':
		return r.object(depth)
	case '[':
		return r.array(depth)
	case '"':
		return r.string(), nil
	}
	switch word := r.word(); word {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil //nolint:nilnil // it is the value
	default:
		return json.Number(word), nil
	}
}

func (r *reader) object(depth int) (map[string]any, error) {
	if depth == 0 {
		return nil, errDepth
	}
	members := make(map[string]any)
	for r.at++; r.peek() != '}'; r.comma() {
		name := r.string()
		if _, twice := members[name]; twice {
			return nil, errDuplicate
		}
		r.punctuation() // the colon
		value, err := r.value(depth - 1)
		if err != nil {
			return nil, err
		}
		members[name] = value
	}
	r.at++
	return members, nil
}

func (r *reader) array(depth int) ([]any, error) {
	if depth == 0 {
		return nil, errDepth
	}
	elements := []any{}
	for r.at++; r.peek() != ']'; r.comma() {
		element, err := r.value(depth - 1)
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	r.at++
	return elements, nil
}

// string reads a string.
func (r *reader) string() string {
	r.peek()
	start, escaped := r.at, false
	for r.at++; r.text[r.at] != '"'; r.at++ {
		if r.text[r.at] == '\\' {
			escaped = true
			r.at++
		}
	}
	r.at++
	if !escaped {
		return r.text[start+1 : r.at-1]
	}
	var text string
	_ = json.Unmarshal([]byte(r.text[start:r.at]), &text) // it is valid
	return text
}

// word reads a number or a name.
func (r *reader) word() string {
	start := r.at
	for r.at < len(r.text) && strings.IndexByte(",]} \t\r\n", r.text[r.at]) < 0 {
		r.at++
	}
	return r.text[start:r.at]
}

// skip goes behind a value.
func (r *reader) skip() {
	for depth := 0; ; {
		switch r.peek() {
		case '{', '[':
			depth++
			r.at++
		case '}', ']':
			depth--
			r.at++
		case ',', ':':
			r.at++
			continue
		case '"':
			r.string()
		default:
			r.word()
		}
		if depth == 0 {
			return
		}
	}
}
