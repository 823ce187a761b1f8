package shape

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Part returns the part of a value that a path of member names leads to, nil when there is none. Items of a list are
// named by their position. The value is JSON, or decoded JSON with []byte for binary.
func Part(value any, path []string) any {
	for _, name := range path {
		switch v := value.(type) {
		case json.RawMessage:
			value = partOfJSON(v, name)
		case map[string]any:
			value = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

func partOfJSON(text json.RawMessage, name string) any {
	switch text = bytes.TrimLeft(text, " \t\r\n"); {
	case bytes.HasPrefix(text, []byte("{")):
		var members map[string]json.RawMessage
		if json.Unmarshal(text, &members) == nil && members[name] != nil {
			return members[name]
		}
	case bytes.HasPrefix(text, []byte("[")):
		var items []json.RawMessage
		if i, err := strconv.Atoi(name); err == nil && json.Unmarshal(text, &items) == nil && i >= 0 && i < len(items) {
			return items[i]
		}
	}
	return nil
}
