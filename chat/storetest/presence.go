package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chorus/chat/store"
)

// grace is short for a test, and long enough that a socket comes back within it on a busy machine.
const grace = 3 * time.Second

func testPresence(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, store.Limits{}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	enter := func(socket, user string, want int) {
		t.Helper()
		if n, err := s.Enter(t.Context(), "room", socket, store.Member{User: user, Name: "N " + user}); err != nil || n != want {
			t.Errorf("%s enters: %d, %v, want %d", socket, n, err, want)
		}
	}
	leave := func(socket string, grace time.Duration, want int) {
		t.Helper()
		if n, err := s.Leave(t.Context(), "room", socket, grace); err != nil || n != want {
			t.Errorf("%s leaves: %d, %v, want %d", socket, n, err, want)
		}
	}
	enter("a1", "alice", 1)
	enter("a2", "alice", 1)
	enter("a2", "alice", 1)
	enter("b1", "bob", 2)
	if u, ok, err := s.Lookup(t.Context(), "room", "alice"); err != nil || !ok || u.Devices != 2 || u.Name != "N alice" || u.Since == 0 {
		t.Errorf("%+v, %t, %v", u, ok, err)
	}
	leave("a1", grace, 2)
	leave("a2", grace, 2)
	if u, ok, err := s.Lookup(t.Context(), "room", "alice"); err != nil || !ok || u.Devices != 0 {
		t.Errorf("in grace: %+v, %t, %v", u, ok, err)
	}
	enter("a3", "alice", 2) // a reload
	leave("never", grace, 2)
	leave("b1", 0, 1)
	if _, ok, err := s.Lookup(t.Context(), "room", "bob"); err != nil || ok {
		t.Errorf("bob has left: %t, %v", ok, err)
	}
	leave("a3", 50*time.Millisecond, 1)
	sink.Await(t, "alice leaves", func() bool {
		changes := sink.presence["room"]
		if len(changes) == 0 {
			return false
		}
		last := changes[len(changes)-1]
		return len(last.Left) == 1 && last.Left[0] == "alice" && last.Names["alice"] == "N alice" && last.Count == 0
	})
	_, joins, leaves, count := sink.Users("room")
	if joins != 2 || leaves != 2 || count != 0 {
		t.Errorf("%d joins, %d leaves, %d are left", joins, leaves, count)
	}
	if p, err := s.List(t.Context(), "room", "", 10); err != nil || p.Count != 0 || len(p.Users) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

func testPresencePages(t *testing.T, open Open) {
	s := open(t, store.Limits{}, NewSink())
	const n = 2500
	for i := range n {
		if _, err := s.Enter(t.Context(), "room", fmt.Sprint("s", i), store.Member{User: fmt.Sprintf("ü%d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	seen, cursor, pages := make(map[string]bool), "", 0
	for {
		p, err := s.List(t.Context(), "room", cursor, 5000)
		if err != nil || p.Count != n || len(p.Users) > 1000 {
			t.Fatalf("%d users, count %d, %v", len(p.Users), p.Count, err)
		}
		for _, u := range p.Users {
			if seen[u.User] {
				t.Errorf("%s comes twice", u.User)
			}
			seen[u.User] = true
		}
		pages++
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if len(seen) != n || pages != 3 {
		t.Errorf("%d users on %d pages", len(seen), pages)
	}
	if p, err := s.List(t.Context(), "room", "", 0); err != nil || p.Count != n || len(p.Users) != 0 || p.Next != "" {
		t.Errorf("the count alone: %+v, %v", p, err)
	}
	if _, err := s.List(t.Context(), "room", "ä", 10); !errors.Is(err, store.ErrBadCursor) {
		t.Errorf("%v", err)
	}
}

func testStatus(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, store.Limits{}, sink)
	if err := s.Follow(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	data := func(room, want string) {
		t.Helper()
		if u, ok, err := s.Lookup(t.Context(), room, "alice"); err != nil || !ok || string(u.Data) != want {
			t.Errorf("%s: %q, %t, %v, want %q", room, u.Data, ok, err, want)
		}
	}
	set := func(room, value string) {
		t.Helper()
		if err := s.SetStatus(t.Context(), "alice", room, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	for _, room := range []string{"one", "two"} {
		if _, err := s.Enter(t.Context(), room, "s", store.Member{User: "alice"}); err != nil {
			t.Fatal(err)
		}
	}
	set("", `{"n":12345678901234567890}`)
	data("one", `{"n":12345678901234567890}`)
	data("two", `{"n":12345678901234567890}`)
	set("two", `"away"`)
	data("one", `{"n":12345678901234567890}`)
	data("two", `"away"`)
	if _, err := s.Enter(t.Context(), "three", "s", store.Member{User: "alice"}); err != nil {
		t.Fatal(err)
	}
	data("three", `{"n":12345678901234567890}`)
	set("", "")
	data("one", "")
	data("three", "")
	sink.Await(t, "alice has no data", func() bool {
		changes := sink.presence["one"]
		if len(changes) == 0 {
			return false
		}
		last := changes[len(changes)-1]
		return len(last.Changed) == 1 && last.Changed[0].Data == nil
	})
	if _, joins, leaves, _ := sink.Users("one"); joins != 1 || leaves != 0 {
		t.Errorf("an update is no join and no leave: %d, %d", joins, leaves)
	}
	var limit *store.LimitError
	if err := s.SetStatus(t.Context(), "alice", "", []byte(`"`+strings.Repeat("x", 1023)+`"`)); !errors.As(err, &limit) {
		t.Errorf("too large: %v", err)
	}
}
