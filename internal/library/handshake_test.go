package library

import (
	"reflect"
	"testing"
)

func TestShapes(t *testing.T) {
	t.Parallel()
	if got := single(map[string]any{"e": []string{"f"}, "many": []string{"a", "b"}, "text": "x"}); !reflect.DeepEqual(got, map[string]any{"e": "f", "many": []string{"a", "b"}, "text": "x"}) {
		t.Errorf("got %v", got)
	}
	if got := single(map[string]any(nil)); got == nil {
		t.Error("an object that is absent is nil")
	}
	for _, c := range []struct {
		name string
		in   any
		want any
	}{
		{"X-Test", []string{"a"}, "a"},
		{"X-Test", []string{"a", "b"}, "a, b"},
		{"Cookie", []string{"a=1", "b=2"}, "a=1; b=2"},
		{"Set-Cookie", []string{"a=1", "b=2"}, []string{"a=1", "b=2"}},
		{"User-Agent", []string{"a", "b"}, "a"},
	} {
		if got := joinHeader(c.name, c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
