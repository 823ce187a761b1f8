package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"chorus/chat/store"
)

// Rooms wait for the sockets of a user until their time is over.
func testPlacements(t *testing.T, open Open) {
	ctx := context.Background()
	s := open(t, store.Limits{Placements: 3}, NewSink())
	placed := func(user string) string {
		t.Helper()
		rooms, err := s.Placed(ctx, user)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(rooms)
	}
	place := func(user, room string, within time.Duration) {
		t.Helper()
		if err := s.Place(ctx, user, room, within); err != nil {
			t.Fatal(err)
		}
	}
	place("ada {1}", "b", time.Minute)
	place("ada {1}", "a/ü", time.Minute)
	place("ada {1}", "c", time.Minute)
	place("bob", "c", time.Minute)
	var limit *store.LimitError
	if err := s.Place(ctx, "ada {1}", "d", time.Minute); !errors.As(err, &limit) || limit.Limit != 3 {
		t.Errorf("one more: %v", err)
	}
	place("ada {1}", "b", time.Hour) // it is there already
	place("ada {1}", "c", 0)
	place("ada {1}", "short", 50*time.Millisecond)
	for begun := time.Now(); placed("ada {1}") != "[a/ü b]"; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 30*time.Second {
			t.Fatal(placed("ada {1}"))
		}
	}
	place("ada {1}", "d", time.Minute)
	place("ada {1}", "b", 0)
	place("ada {1}", "nothing", 0)
	if got := placed("ada {1}") + placed("bob") + placed("eve"); got != "[a/ü d][c][]" {
		t.Error(got)
	}
}

// Each log has its turn, and a record says who does not hear it.
func testEachLog(t *testing.T, open Open) {
	ctx := context.Background()
	sink := NewSink()
	s := open(t, store.Limits{}, sink)
	if err := s.Follow(ctx, "log1"); err != nil {
		t.Fatal(err)
	}
	for i := range 7 {
		name := fmt.Sprint("log", i)
		if _, err := s.Append(ctx, &store.Append{Log: name, Topics: []string{name}, Bounds: store.Bounds{Messages: 10}, ID: "m", Digest: "d", Value: []byte("1"), Except: []string{"a", "b"}}); err != nil {
			t.Fatal(err)
		}
	}
	sink.Await(t, "the record", func() bool { return len(sink.records) == 1 })
	if got := fmt.Sprint(sink.records[0].Except); got != "[a b]" {
		t.Errorf("except %s", got)
	}
	var names []string
	if err := s.EachLog(ctx, func(name string) error {
		names = append(names, name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if got := fmt.Sprint(slices.Compact(names)); got != "[log0 log1 log2 log3 log4 log5 log6]" {
		t.Error(got)
	}
	stop := errors.New("stop")
	if err := s.EachLog(ctx, func(string) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}
