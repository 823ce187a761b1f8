package emitter_test

import (
	"slices"
	"testing"

	"chorus/internal/emitter"
)

// First comes before what was registered earlier, and once.
func TestFirst(t *testing.T) {
	var e emitter.Emitter
	var calls []string
	note := func(name string) func(...any) { return func(...any) { calls = append(calls, name) } }
	_ = e.On("x", note("on"))
	e.First("x", note("first"))
	e.First("x", note("very first"))
	e.Emit("x")
	e.Emit("x")
	if want := []string{"very first", "first", "on", "on"}; !slices.Equal(calls, want) {
		t.Errorf("called %v, want %v", calls, want)
	}
}
