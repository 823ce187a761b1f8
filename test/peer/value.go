package main

import (
	"encoding/base64"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Marks of what JSON cannot say between the test and this program: {"$binary": "base64"}, {"$time": "RFC 3339"}.
const (
	binaryKey = "$binary"
	timeKey   = "$time"
)

// unwrap turns marks into bytes and times.
func unwrap(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = unwrap(item)
		}
		return out
	case map[string]any:
		if text, ok := v[binaryKey].(string); ok {
			data, err := base64.StdEncoding.DecodeString(text)
			if err == nil {
				return data
			}
		}
		if text, ok := v[timeKey].(string); ok {
			at, err := time.Parse(time.RFC3339Nano, text)
			if err == nil {
				return at
			}
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = unwrap(item)
		}
		return out
	default:
		return v
	}
}

// wrap turns bytes into marks.
func wrap(v any) any {
	switch v := v.(type) {
	case []byte:
		return map[string]any{binaryKey: base64.StdEncoding.EncodeToString(v)}
	case types.BufferInterface:
		return wrap(v.Bytes())
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = wrap(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = wrap(item)
		}
		return out
	default:
		return v
	}
}

// duration is a time in milliseconds.
type duration int64

func (d duration) std() time.Duration { return time.Duration(d) * time.Millisecond }

func names(rooms []string) []socket.Room {
	out := make([]socket.Room, len(rooms))
	for i, room := range rooms {
		out[i] = socket.Room(room)
	}
	return out
}
