package shape

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Values gives the values of placeholders: JSON as [json.RawMessage], any other value that encoding/json
// takes, a []byte for binary, nil for what is missing.
type Values interface {
	Value(Placeholder) any
}

// Shape is a template. The zero value stands for null. A Shape never changes, so it is safe for concurrent use.
type Shape struct {
	whole   *Placeholder // the text is this placeholder alone
	text    []piece      // a text with placeholders inside
	list    []Shape
	members map[string]Shape
	literal any // anything else
}

// piece is a part of a text: a placeholder, or letters.
type piece struct {
	placeholder *Placeholder
	letters     string
}

// Parse reads a template from a value of YAML or JSON. Its error wraps ErrPlaceholder and names the member.
func Parse(value any) (Shape, error) {
	switch v := value.(type) {
	case string:
		return parseText(v)
	case []any:
		s := Shape{list: make([]Shape, len(v))}
		for i, item := range v {
			var err error
			if s.list[i], err = Parse(item); err != nil {
				return Shape{}, fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return s, nil
	case map[string]any:
		s := Shape{members: make(map[string]Shape, len(v))}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			member, err := Parse(v[key])
			if err != nil {
				return Shape{}, fmt.Errorf("%s: %w", key, err)
			}
			s.members[key] = member
		}
		return s, nil
	default:
		return Shape{literal: v}, nil
	}
}

func parseText(text string) (Shape, error) {
	var pieces []piece
	var letters strings.Builder
	for rest := text; rest != ""; {
		before, behind, found := strings.Cut(rest, "{")
		letters.WriteString(before)
		if !found {
			break
		}
		if after, ok := strings.CutPrefix(behind, "{"); ok {
			letters.WriteByte('{')
			rest = after
			continue
		}
		inside, after, closed := strings.Cut(behind, "}")
		if !closed {
			return Shape{}, fmt.Errorf("%w: %q has a { without a }; a brace is {{", ErrPlaceholder, text)
		}
		p, err := parsePlaceholder(inside)
		if err != nil {
			return Shape{}, err
		}
		if letters.Len() > 0 {
			pieces = append(pieces, piece{letters: letters.String()})
			letters.Reset()
		}
		pieces = append(pieces, piece{placeholder: &p})
		rest = after
	}
	switch {
	case len(pieces) == 0:
		return Shape{literal: letters.String()}, nil
	case len(pieces) == 1 && pieces[0].placeholder != nil && letters.Len() == 0:
		return Shape{whole: pieces[0].placeholder}, nil
	case letters.Len() > 0:
		pieces = append(pieces, piece{letters: letters.String()})
	}
	return Shape{text: pieces}, nil
}

// Build returns the value, made of the types that Values gives, and of map[string]any, []any and string.
func (s *Shape) Build(values Values) any {
	switch {
	case s.whole != nil:
		return values.Value(*s.whole)
	case s.text != nil:
		var b strings.Builder
		for _, p := range s.text {
			if p.placeholder == nil {
				b.WriteString(p.letters)
			} else {
				b.WriteString(textOf(values.Value(*p.placeholder)))
			}
		}
		return b.String()
	case s.list != nil:
		list := make([]any, len(s.list))
		for i := range s.list {
			list[i] = s.list[i].Build(values)
		}
		return list
	case s.members != nil:
		members := make(map[string]any, len(s.members))
		for key, member := range s.members {
			members[key] = member.Build(values)
		}
		return members
	default:
		return s.literal
	}
}

// Text is Build for a template that stands for a name, such as that of a room. A value that is neither a text nor
// a number has no text: ok is false.
func (s *Shape) Text(values Values) (text string, ok bool) {
	switch v := s.Build(values).(type) {
	case string:
		return v, true
	case json.RawMessage:
		if len(v) > 0 && (v[0] == '"' || v[0] == '-' || '0' <= v[0] && v[0] <= '9') {
			return textOf(v), true
		}
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// Placeholders lists those of the template and of all inside.
func (s *Shape) Placeholders() []Placeholder {
	var list []Placeholder
	if s.whole != nil {
		list = append(list, *s.whole)
	}
	for _, p := range s.text {
		if p.placeholder != nil {
			list = append(list, *p.placeholder)
		}
	}
	for i := range s.list {
		list = append(list, s.list[i].Placeholders()...)
	}
	for _, key := range slices.Sorted(maps.Keys(s.members)) {
		member := s.members[key]
		list = append(list, member.Placeholders()...)
	}
	return list
}

// textOf returns the text of a value inside a text.
func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	var text string
	switch {
	case string(encoded) == "null":
		return ""
	case json.Unmarshal(encoded, &text) == nil:
		return text
	default:
		return string(encoded)
	}
}
