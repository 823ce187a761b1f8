package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"chorus/chat/store"
)

func testPurge(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, store.Limits{}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		a := Message("room", fmt.Sprint("a", i), "alice", "v")
		a.Mentions = []string{"bob", "carol"}
		say(t, s, a)
		say(t, s, Message("room", fmt.Sprint("b", i), "bob", "v"))
	}
	change(t, s, &store.Change{Log: "room", Kind: store.KindReact, ID: "a0", User: "bob", Key: "x", On: true})
	change(t, s, &store.Change{Log: "room", Kind: store.KindReact, ID: "a0", User: "carol", Key: "x", On: true})
	since, epoch := page(t, s, "room", store.PageQuery{}).Cursor, page(t, s, "room", store.PageQuery{}).Epoch
	if n, err := s.Purge(t.Context(), "room", store.Purge{ID: "a1", Topics: []string{"room"}}); n != 1 || err != nil {
		t.Errorf("a message: %d, %v", n, err)
	}
	if n, err := s.Purge(t.Context(), "room", store.Purge{User: "bob", Topics: []string{"room"}}); n != 4 || err != nil {
		t.Errorf("a user: %d, %v", n, err)
	}
	changes := page(t, s, "room", store.PageQuery{Since: since, Limit: 10}).Changes
	for i, want := range []string{"a1", "b0", "b1", "b2", "b3", "a0", "a2", "a3"} {
		if i >= len(changes) || changes[i].ID != want || changes[i].Purged != (i < 5) || changes[i].Deleted != (i < 5) {
			t.Errorf("changes: %+v", changes)
			break
		}
	}
	p := page(t, s, "room", store.PageQuery{Limit: 10, User: "bob"})
	if ids(p.Messages) != "a0 a2 a3 " || !reflect.DeepEqual(p.Messages[0].Reactions, []store.Reaction{{Key: "x", Count: 1}}) {
		t.Errorf("%+v", p.Messages)
	}
	if u, err := s.Unread(t.Context(), "bob", []string{"room"}); err != nil || u[0].Mentions != 0 {
		t.Errorf("mentions of bob: %+v, %v", u, err)
	}
	if u, err := s.Unread(t.Context(), "carol", []string{"room"}); err != nil || u[0].Mentions != 3 {
		t.Errorf("mentions of carol: %+v, %v", u, err)
	}
	if r := say(t, s, Message("room", "b0", "dave", "v")); r.Seq != 9 {
		t.Errorf("the id is free again: %+v", r)
	}
	if n, err := s.Purge(t.Context(), "room", store.Purge{Whole: true, Topics: []string{"room"}}); n != 4 || err != nil {
		t.Errorf("the room: %d, %v", n, err)
	}
	if p := page(t, s, "room", store.PageQuery{Limit: 10}); p.Epoch == epoch || len(p.Messages) != 0 {
		t.Errorf("%+v", p)
	}
	if p := page(t, s, "room", store.PageQuery{Since: since, Limit: 10}); !p.Missed {
		t.Errorf("since the room was purged: %+v", p)
	}
	if r := say(t, s, Message("room", "new", "dave", "v")); r.Seq != 1 || r.Epoch == p.Epoch {
		t.Errorf("the log begins again: %+v", r)
	}
	records := sink.Records(t, "room", 18) // of which three are states
	if r := records[12]; r.Kind != store.KindState || r.ID != "a0" || !reflect.DeepEqual(r.Mentions, []string{"carol"}) {
		t.Errorf("%+v", r)
	}
	records = slices.DeleteFunc(slices.Clone(records), func(r *store.Record) bool { return r.Kind == store.KindState })
	if r := records[10]; r.Kind != store.KindPurge || r.ID != "a1" {
		t.Errorf("%+v", r)
	}
	if r := records[11]; r.Kind != store.KindPurge || r.PurgedUser != "bob" {
		t.Errorf("%+v", r)
	}
	if r := records[13]; r.Kind != store.KindPurge || !r.PurgedWhole {
		t.Errorf("%+v", r)
	}
	if lost := sink.Lose(); len(lost) > 0 {
		t.Errorf("lost: %v", lost)
	}
	if n, err := s.Purge(t.Context(), "nothing", store.Purge{Whole: true}); n != 0 || err != nil {
		t.Errorf("a log that does not exist: %d, %v", n, err)
	}
}
