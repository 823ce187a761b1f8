package hook

import (
	"slices"
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	t.Parallel()
	var changes []bool
	b := &breaker{changed: func(open bool, _ time.Duration) { changes = append(changes, open) }}
	now := time.Unix(0, 0)
	fail := func() {
		t.Helper()
		if !b.enter(now) {
			t.Fatal("a question is not let through")
		}
		b.fail(now)
	}
	for range breakAfter - 1 {
		fail()
	}
	if b.isOpen(now) {
		t.Fatal("it opens too early")
	}
	for _, pause := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		fail()
		pause *= time.Second
		if now = now.Add(pause - 1); !b.isOpen(now) || b.enter(now) {
			t.Fatalf("it is closed before %s have passed", pause)
		}
		now = now.Add(1)
	}
	if !b.enter(now) || b.enter(now) || !b.isOpen(now) {
		t.Error("one question is let through, and a second one is not")
	}
	b.succeed()
	if b.isOpen(now) || !b.enter(now) || !slices.Equal(changes, []bool{true, false}) {
		t.Errorf("after a success it is closed: %v", changes)
	}
}
