package store_test

import (
	"strings"
	"testing"

	"chorus/chat/store"
)

func TestCursor(t *testing.T) {
	t.Parallel()
	p := store.Position{Epoch: "k3j2h1g0", Pos: 1234, Seq: 99}
	if got, err := store.ParseCursor(p.Cursor()); err != nil || got != p {
		t.Errorf("%+v, %v, want %+v", got, err, p)
	}
	if c := (store.Position{Epoch: strings.Repeat("z", 20), Pos: 1 << 53, Seq: 1 << 53}).Cursor(); len(c) > 64 {
		t.Errorf("%d characters", len(c))
	}
	for _, bad := range []string{"", "-", "--", "a-1", "a-1-2", "A-2-1", "a-02-1", "a--1--2", "a-2-1-", "a b-2-1", "é-2-1", strings.Repeat("a", 70) + "-2-1"} {
		if p, err := store.ParseCursor(bad); err == nil {
			t.Errorf("%q is %+v", bad, p)
		}
	}
}

// What is a cursor is the only text for its position.
func FuzzParseCursor(f *testing.F) {
	for _, seed := range []string{"", "abc-z-9", "abc-9-z", "a-1-1", "--", "a--1--1", "a-+1-0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := store.ParseCursor(text)
		if err != nil {
			return
		}
		if p.Cursor() != text || len(text) > 64 || p.Pos < p.Seq || p.Seq < 0 {
			t.Errorf("%q is %+v, whose cursor is %q", text, p, p.Cursor())
		}
	})
}
