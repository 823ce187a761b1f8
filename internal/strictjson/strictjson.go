// Package strictjson reads JSON that means the same to every parser.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
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
// json.Number, with all their digits.
func Parse(data []byte) (map[string]any, error) {
	if !utf8.Valid(data) {
		return nil, errUTF8
	}
	// The token reader below lets some malformed documents pass; this one does not.
	if !json.Valid(data) {
		return nil, errJSON
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	value, err := parseValue(d, maxDepth)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, ErrNotObject
	}
	return object, nil
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, errJSON
	}
	open, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == 0 {
		return nil, errDepth
	}
	var value any
	if open == '{' {
		value, err = parseMembers(d, depth-1)
	} else {
		value, err = parseElements(d, depth-1)
	}
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != nil { // the closing bracket
		return nil, errJSON
	}
	return value, nil
}

func parseMembers(d *json.Decoder, depth int) (map[string]any, error) {
	members := make(map[string]any)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, errJSON
		}
		name, ok := token.(string)
		if !ok {
			return nil, errJSON
		}
		if _, twice := members[name]; twice {
			return nil, errDuplicate
		}
		if members[name], err = parseValue(d, depth); err != nil {
			return nil, err
		}
	}
	return members, nil
}

func parseElements(d *json.Decoder, depth int) ([]any, error) {
	elements := []any{}
	for d.More() {
		element, err := parseValue(d, depth)
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	return elements, nil
}
