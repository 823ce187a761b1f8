package msgpack

import (
	"encoding/json"
	"fmt"

	"github.com/tinylib/msgp/msgp"
)

// Scanner steps over JSON (RFC 8259) and checks it. What it has stepped over is JSON, and no deeper than MaxDepth.
type Scanner struct{ t transcoder }

// NewScanner returns a scanner at the beginning of a text.
func NewScanner(text []byte) *Scanner {
	s := &Scanner{transcoder{text: text, skip: true}}
	s.t.space()
	return s
}

// Check returns an error unless a text is JSON of at most that depth.
func Check(text []byte, depth int) error {
	s := NewScanner(text)
	_, err := s.Value(depth)
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return fmt.Errorf("at byte %d of a JSON text: %w", s.t.i, err)
	}
	return nil
}

// At returns the byte at hand, and 0 behind the end.
func (s *Scanner) At() byte { return s.t.at() }

// Mark returns the place of the scanner, and Since the text from a mark up to here.
func (s *Scanner) Mark() int { return s.t.i }

// Since returns the text from a mark up to here.
func (s *Scanner) Since(mark int) json.RawMessage { return s.t.text[mark:s.t.i:s.t.i] }

// Value steps over a value and returns its text.
func (s *Scanner) Value(depth int) (json.RawMessage, error) {
	mark := s.Mark()
	err := s.t.value(depth)
	return s.Since(mark), err
}

// Elements steps over an array and calls use at each value, which use steps over.
func (s *Scanner) Elements(depth int, use func() error) error {
	if depth > MaxDepth {
		return errTooDeep
	}
	if s.t.at() != '[' {
		return ErrNotJSON
	}
	return s.t.elements(use)
}

// Fields steps over an object and calls use with each name, behind which use steps over the value.
func (s *Scanner) Fields(depth int, use func(name string) error) error {
	if depth > MaxDepth {
		return errTooDeep
	}
	if s.t.at() != '{' {
		return ErrNotJSON
	}
	var name string
	return s.t.members(func() (err error) {
		name, err = s.name()
		return err
	}, func() error {
		if err := use(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
}

// name steps over a string and returns what it says.
func (s *Scanner) name() (string, error) {
	start := s.t.i
	if err := s.t.string(); err != nil {
		return "", err
	}
	text := s.t.text[start:s.t.i]
	for _, c := range text {
		if c == '\\' {
			packed, _, err := FromJSON(nil, text, 0)
			if err != nil {
				return "", err
			}
			name, _, err := msgp.ReadStringBytes(packed)
			return name, err
		}
	}
	return string(text[1 : len(text)-1]), nil
}

// End fails unless there is nothing left.
func (s *Scanner) End() error {
	if s.t.space(); s.t.i < len(s.t.text) {
		return ErrNotJSON
	}
	return nil
}
