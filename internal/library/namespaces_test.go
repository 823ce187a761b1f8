package library

import (
	"regexp"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func TestPatterns(t *testing.T) {
	t.Parallel()
	io := socket.NewServer(nil, nil)
	match := socket.ParentNspNameMatchFn(new(func(string, map[string]any, func(error, bool))))
	parents := []socket.Namespace{io.Of(regexp.MustCompile("^/a"), nil), io.Of(match, nil), io.Of(regexp.MustCompile("^/b"), nil)}
	patterns, ok := Patterns(io)
	if !ok || len(patterns) != len(parents) {
		t.Fatalf("%d patterns, %t: the library is built otherwise", len(patterns), ok)
	}
	for i, parent := range parents {
		if patterns[i].Parent != parent {
			t.Errorf("pattern %d is of %s, not of %s", i, patterns[i].Parent.Name(), parent.Name())
		}
	}
	RemovePattern(io, patterns[0])
	if left, _ := Patterns(io); len(left) != 2 || left[0].Match != match {
		t.Errorf("left are %v", left)
	}
	if HasNamespace(io, "/c") || !HasNamespace(io, "/") {
		t.Error("a namespace exists that does not, or the other way round")
	}
	if io.Of("/c", nil); !HasNamespace(io, "/c") {
		t.Error("a namespace that exists does not")
	}
}
