package store

import (
	"encoding/json"
	"fmt"
)

// Content returns what a message of a page says, as clients get it.
func (m *Message) Content() (any, error) { return DecodeValue(m.Body(), m.Attach) }

// JSON returns what a message of a page says as JSON. Attachments are {"base64": TEXT}.
func (m *Message) JSON() (json.RawMessage, error) {
	value, err := DecodeValue(m.Body(), m.Attach)
	if err != nil {
		return nil, err
	}
	if m.Event != "" {
		value = EventValue(value)
	}
	if raw, ok := value.(json.RawMessage); ok {
		return raw, nil
	}
	return json.Marshal(plainBytes(value))
}

// plainBytes makes texts of attachments.
func plainBytes(value any) any {
	switch value := value.(type) {
	case []byte:
		return map[string][]byte{"base64": value}
	case interface{ Bytes() []byte }:
		return map[string][]byte{"base64": value.Bytes()}
	case map[string]any:
		members := make(map[string]any, len(value))
		for name, member := range value {
			members[name] = plainBytes(member)
		}
		return members
	case []any:
		elements := make([]any, len(value))
		for i, element := range value {
			elements[i] = plainBytes(element)
		}
		return elements
	}
	return value
}

// Body returns the value; the fragments of a text become a text.
func (m *Message) Body() []byte {
	if !m.Text {
		return m.Value
	}
	return fmt.Appendf(nil, `"%s"`, m.Value)
}

// EventValue returns what lists show of a declared event that was kept: its one value, or all of them.
func EventValue(value any) any {
	if event := EventArgs("", value); len(event) == 2 {
		return event[1]
	}
	return value
}

// EventArgs returns the event by which clients hear of a declared event that was kept.
func EventArgs(name string, value any) []any {
	event := []any{name}
	switch list := value.(type) {
	case []any:
		return append(event, list...)
	case json.RawMessage:
		var items []json.RawMessage
		if json.Unmarshal(list, &items) == nil {
			for _, item := range items {
				event = append(event, item)
			}
		}
	}
	return event
}
