package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// The members of a placeholder: {"_placeholder":true,"num":0} stands for the first attachment.
const (
	keyPlaceholder = "_placeholder"
	keyNum         = "num"
)

var errPlaceholder = errors.New("looks like a placeholder of an attachment")

// pending is a packet that waits for its attachments.
type pending struct {
	frame *frame
	got   int
}

// put fills the next attachment in, and reports whether it was the last one.
func (p *pending) put(attachment []byte) bool {
	p.frame.slots[p.got].put(attachment)
	p.got++
	return p.got == len(p.frame.slots)
}

// slots are the places of a packet's attachments, by their numbers.
type slots []slot

// slot is a place: list[index], or object[key], or none at all.
type slot struct {
	list   []any
	index  int
	object map[string]any
	key    string
}

func (s *slot) free() bool { return s.list == nil && s.object == nil }

func (s *slot) put(attachment []byte) {
	switch {
	case s.list != nil:
		s.list[s.index] = attachment
	case s.object != nil:
		s.object[s.key] = attachment
	}
}

// argument puts an argument of a binary packet into args[i]: raw, or decoded when an attachment
// belongs into it.
func (s slots) argument(args []any, i int, raw []byte) error {
	args[i] = json.RawMessage(raw)
	if !mayHavePlaceholder(raw) {
		return nil
	}
	value, err := decodeJSON(raw)
	if err != nil {
		return invalid("%w", err)
	}
	args[i] = value
	found, err := s.find(value, slot{list: args, index: i})
	if found == 0 {
		args[i] = json.RawMessage(raw)
	}
	return err
}

// find looks for placeholders in a value that lies at the given place, and claims their slots. An
// attachment has one place at most, as every encoder sees to: with more, a packet that is sent on
// would have a copy of the attachment for each.
func (s slots) find(value any, place slot) (found int, err error) {
	add := func(inner any, place slot) bool {
		var n int
		n, err = s.find(inner, place)
		found += n
		return err == nil
	}
	switch v := value.(type) {
	case []any:
		for i, inner := range v {
			if !add(inner, slot{list: v, index: i}) {
				break
			}
		}
	case map[string]any:
		if isPlaceholder(v) {
			num, _ := v[keyNum].(json.Number)
			n, parseErr := strconv.ParseUint(num.String(), 10, 64)
			if parseErr != nil || n >= uint64(len(s)) || !s[n].free() {
				return 0, invalid("illegal placeholder: there are %d attachments, each for one place", len(s))
			}
			s[n] = place
			return 1, nil
		}
		for key, inner := range v {
			if !add(inner, slot{object: v, key: key}) {
				break
			}
		}
	}
	return found, err
}

func isPlaceholder(object map[string]any) bool { return object[keyPlaceholder] == true }

// mayHavePlaceholder tells whether it is worth to look for a placeholder in a JSON text.
func mayHavePlaceholder(text []byte) bool {
	return bytes.Contains(text, []byte(keyPlaceholder)) || bytes.Contains(text, []byte(`\u`))
}

// hasPlaceholder tells whether a receiver would find a placeholder in a JSON text.
func hasPlaceholder(text []byte) bool {
	if !mayHavePlaceholder(text) {
		return false
	}
	value, err := decodeJSON(text)
	return err == nil && containsPlaceholder(value)
}

func containsPlaceholder(value any) bool {
	switch v := value.(type) {
	case []any:
		for _, inner := range v {
			if containsPlaceholder(inner) {
				return true
			}
		}
	case map[string]any:
		if isPlaceholder(v) {
			return true
		}
		for _, inner := range v {
			if containsPlaceholder(inner) {
				return true
			}
		}
	}
	return false
}

// appendPlaceholder appends the placeholder of an attachment.
func appendPlaceholder(b []byte, n int) []byte {
	b = append(b, `{"`+keyPlaceholder+`":true,"`+keyNum+`":`...)
	return append(strconv.AppendInt(b, int64(n), 10), '}')
}
