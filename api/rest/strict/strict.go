// Package strict checks JSON that programs must read in one way only.
package strict

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may lie in one another. Messages to clients are a few levels deeper.
const maxDepth = 128

var errNotUTF8 = errors.New("it is not UTF-8")

// Check returns why a text is not JSON that can be read in one way only: UTF-8, no name twice in an object, and not too
// deep. The error has nothing of the text.
func Check(data []byte) error {
	if !utf8.Valid(data) {
		return errNotUTF8
	}
	if !json.Valid(data) {
		var syntax *json.SyntaxError
		var value json.RawMessage
		if errors.As(json.Unmarshal(data, &value), &syntax) {
			return fmt.Errorf("byte %d is not expected", syntax.Offset)
		}
		return errors.New("it is not valid")
	}
	return (&strictScan{data: data}).run()
}

// strictScan walks over valid JSON.
type strictScan struct {
	data  []byte
	names []map[string]struct{} // of the objects that are open; nil for an array
	depth int
}

func (s *strictScan) run() error {
	for i := 0; i < len(s.data); i++ {
		switch s.data[i] {
		case '{', '[':
			if s.depth++; s.depth > maxDepth {
				return fmt.Errorf("arrays and objects are more than %d deep", maxDepth)
			}
			var names map[string]struct{}
			if s.data[i] == '{' {
				names = make(map[string]struct{})
			}
			s.names = append(s.names, names)
		case '}', ']':
			s.depth--
			s.names = s.names[:s.depth]
		case '"':
			end := s.textEnd(i)
			if s.isName(end) {
				if err := s.name(i, end); err != nil {
					return err
				}
			}
			i = end
		}
	}
	return nil
}

// textEnd returns the place of the quote that ends the text that begins at i.
func (s *strictScan) textEnd(i int) int {
	for i++; s.data[i] != '"'; i++ {
		if s.data[i] == '\\' {
			i++
		}
	}
	return i
}

// isName reports whether the text that ends there is the name of a member: a colon follows.
func (s *strictScan) isName(end int) bool {
	for _, c := range s.data[end+1:] {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c == ':'
		}
	}
	return false
}

// name notes the name of a member.
func (s *strictScan) name(begin, end int) error {
	var name string
	if err := json.Unmarshal(s.data[begin:end+1], &name); err != nil {
		return err
	}
	names := s.names[s.depth-1]
	if _, twice := names[name]; twice {
		return fmt.Errorf("the member that begins at byte %d is there twice", begin+1)
	}
	names[name] = struct{}{}
	return nil
}
