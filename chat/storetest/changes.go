package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"chorus/chat/store"
)

func testManyChanges(t *testing.T, open Open) {
	s := open(t, store.Limits{}, NewSink())
	cursor := ""
	for i := range 1001 {
		cursor = say(t, s, Message("room", fmt.Sprint(i), "alice", "v")).Cursor
	}
	for i := range 1000 {
		change(t, s, &store.Change{Log: "room", Kind: store.KindDelete, ID: fmt.Sprint(i), User: "alice"})
	}
	if p := page(t, s, "room", store.PageQuery{Since: cursor, Limit: 5}); p.Missed || len(p.Changes) != 1000 || len(p.Messages) != 0 {
		t.Errorf("missed %t, %d changes, %d messages", p.Missed, len(p.Changes), len(p.Messages))
	}
	change(t, s, &store.Change{Log: "room", Kind: store.KindDelete, ID: "1000", User: "alice"})
	if p := page(t, s, "room", store.PageQuery{Since: cursor, Limit: 5}); !p.Missed || len(p.Changes) != 0 || len(p.Messages) != 5 {
		t.Errorf("missed %t, %d changes, %d messages", p.Missed, len(p.Changes), len(p.Messages))
	}
}

func testChanges(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, store.Limits{}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	say(t, s, Message("room", "a", "alice", "1"))
	say(t, s, Message("room", "b", "bob", "2"))
	since := say(t, s, Message("room", "c", "alice", "3")).Cursor
	edited := change(t, s, &store.Change{Log: "room", Kind: store.KindEdit, ID: "a", User: "alice", Value: []byte("11"), Origin: "o"})
	if edited.Version != 2 || edited.EditedAt == 0 || edited.Seq != 1 || edited.Cursor == since || edited.Value != nil {
		t.Errorf("edited: %+v", edited)
	}
	say(t, s, Message("room", "d", "bob", "4"))
	change(t, s, &store.Change{Log: "room", Kind: store.KindEdit, ID: "d", User: "bob", Value: []byte("44")})
	deleted := change(t, s, &store.Change{Log: "room", Kind: store.KindDelete, ID: "b", User: "mod", Moderator: true})
	if deleted.EditedAt != 0 || deleted.DeletedAt < deleted.At {
		t.Errorf("deleted, never edited: %+v", deleted)
	}
	if again := change(t, s, &store.Change{Log: "room", Kind: store.KindDelete, ID: "b", User: "bob"}); !again.Noop || again.Cursor != deleted.Cursor || !again.Deleted {
		t.Errorf("deleted again: %+v, before %+v", again, deleted)
	}
	p := page(t, s, "room", store.PageQuery{Since: since, Limit: 10})
	if ids(p.Changes) != "a b " || ids(p.Messages) != "d " || string(p.Changes[0].Value) != "11" || p.Changes[0].Version != 2 ||
		!p.Changes[1].Deleted || p.Changes[1].Value != nil || p.Changes[1].By != "mod" || string(p.Messages[0].Value) != "44" || p.Messages[0].Version != 2 {
		t.Errorf("changes %+v, messages %+v", p.Changes, p.Messages)
	}
	if p := page(t, s, "room", store.PageQuery{Since: p.Changes[0].Cursor, Limit: 10}); ids(p.Changes) != "b " || ids(p.Messages) != "d " {
		t.Errorf("since a change: changes %q, messages %q", ids(p.Changes), ids(p.Messages))
	}
	records := sink.Records(t, "room", 7)
	if len(records) != 7 {
		t.Errorf("%d records, want 7", len(records))
	}
	for i, r := range records {
		if r.Pos != int64(i+1) {
			t.Errorf("record %d has the position %d", i, r.Pos)
		}
	}
	if r := records[3]; r.Kind != store.KindEdit || string(r.Value) != "11" || r.Version != 2 || r.By != "alice" || r.Origin != "o" || r.Cursor != edited.Cursor || r.Seq != 1 || r.Head != 3 {
		t.Errorf("%+v", r)
	}
	if r := records[6]; r.Kind != store.KindDelete || r.Value != nil || r.ID != "b" || r.By != "mod" || r.DeletedAt != deleted.DeletedAt {
		t.Errorf("%+v", r)
	}
	if got := change(t, s, &store.Change{Log: "room", Kind: store.KindDelete, ID: "a", User: "alice"}); got.EditedAt == 0 || got.DeletedAt < got.EditedAt {
		t.Errorf("edited and deleted: %+v", got)
	}
}

func testRefusedChanges(t *testing.T, open Open) {
	s := open(t, store.Limits{}, NewSink())
	say(t, s, Message("room", "a", "alice", "1"))
	say(t, s, Message("room", "gone", "alice", "1"))
	change(t, s, &store.Change{Log: "room", Kind: store.KindDelete, ID: "gone", User: "alice"})
	change(t, s, &store.Change{Log: "room", Kind: store.KindEdit, ID: "a", User: "alice", Value: []byte("2"), Version: 1})
	for _, test := range []struct {
		name string
		c    store.Change
		want error
	}{
		{"no message", store.Change{Kind: store.KindEdit, ID: "x", User: "alice"}, store.ErrNotFound},
		{"another's", store.Change{Kind: store.KindEdit, ID: "a", User: "bob"}, store.ErrNotOwner},
		{"another's, to delete", store.Change{Kind: store.KindDelete, ID: "a", User: "bob"}, store.ErrNotOwner},
		{"deleted", store.Change{Kind: store.KindEdit, ID: "gone", User: "alice"}, store.ErrNotFound},
		{"react to what is deleted", store.Change{Kind: store.KindReact, ID: "gone", User: "bob", Key: "x", On: true}, store.ErrNotFound},
		{"another version", store.Change{Kind: store.KindEdit, ID: "a", User: "alice", Version: 1}, &store.ConflictError{}},
		{"extend what is no text", store.Change{Kind: store.KindExtend, ID: "a", User: "alice", Value: []byte("x")}, &store.ConflictError{}},
		{"extend another's", store.Change{Kind: store.KindExtend, ID: "a", User: "bob", Moderator: true, Value: []byte("x")}, store.ErrNotOwner},
	} {
		test.c.Log = "room"
		_, err := s.Change(t.Context(), &test.c)
		var conflict *store.ConflictError
		if errors.As(test.want, &conflict) {
			conflict = nil
			if !errors.As(err, &conflict) || conflict.Version != 2 {
				t.Errorf("%s: %v (%+v)", test.name, err, conflict)
			}
		} else if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	if p := page(t, s, "room", store.PageQuery{Limit: 5}); string(p.Messages[0].Value) != "2" || p.Pos != 4 {
		t.Errorf("%+v", p)
	}
}

func testReactions(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, store.Limits{ReactionKeys: 2, Reactions: 5}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	since := say(t, s, Message("room", "a", "alice", "1")).Cursor
	react := func(user, key string, on bool) (store.Changed, error) {
		return s.Change(t.Context(), &store.Change{Log: "room", Topics: []string{"room"}, Kind: store.KindReact, ID: "a", User: user, Key: key, On: on})
	}
	for _, step := range []struct {
		user, key string
		on, noop  bool
		want      []store.Reaction
	}{
		{"bob", "+1", true, false, []store.Reaction{{Key: "+1", Count: 1, Mine: true}}},
		{"bob", "+1", true, true, []store.Reaction{{Key: "+1", Count: 1, Mine: true}}},
		{"carol", "+1", true, false, []store.Reaction{{Key: "+1", Count: 2, Mine: true}}},
		{"carol", "🎉", true, false, []store.Reaction{{Key: "+1", Count: 2, Mine: true}, {Key: "🎉", Count: 1, Mine: true}}},
		{"bob", "🎉", false, true, []store.Reaction{{Key: "+1", Count: 2, Mine: true}, {Key: "🎉", Count: 1}}},
		{"carol", "+1", false, false, []store.Reaction{{Key: "+1", Count: 1}, {Key: "🎉", Count: 1, Mine: true}}},
	} {
		got, err := react(step.user, step.key, step.on)
		if err != nil || got.Noop != step.noop || !reflect.DeepEqual(got.Reactions, step.want) {
			t.Errorf("%s %s %t: %+v (noop %t), %v, want %+v", step.user, step.key, step.on, got.Reactions, got.Noop, err, step.want)
		}
	}
	var limit *store.LimitError
	if _, err := react("bob", "third", true); !errors.As(err, &limit) || limit.Limit != 2 {
		t.Errorf("a third key: %v", err)
	}
	for _, user := range []string{"d", "e", "f"} {
		if _, err := react(user, "+1", true); err != nil {
			t.Error(err)
		}
	}
	if _, err := react("g", "+1", true); !errors.As(err, &limit) || limit.Limit != 5 {
		t.Errorf("a sixth reaction: %v", err)
	}
	p := page(t, s, "room", store.PageQuery{Since: since, Limit: 5, User: "carol"})
	if want := []store.Reaction{{Key: "+1", Count: 4}, {Key: "🎉", Count: 1, Mine: true}}; len(p.Changes) != 1 || !reflect.DeepEqual(p.Changes[0].Reactions, want) {
		t.Errorf("%+v", p.Changes)
	}
	if r := sink.Records(t, "room", 8)[4]; r.Kind != store.KindReact || r.Key != "+1" || r.On || r.Count != 1 || r.By != "carol" || r.ID != "a" || r.Value != nil {
		t.Errorf("%+v", r)
	}
	change(t, s, &store.Change{Log: "room", Kind: store.KindDelete, ID: "a", User: "alice"})
	if p := page(t, s, "room", store.PageQuery{Limit: 5, User: "carol"}); p.Messages[0].Reactions != nil {
		t.Errorf("%+v", p.Messages)
	}
}

func testText(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, store.Limits{MessageBytes: 50}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	extend := func(id, text string, done, cancel bool) (store.Changed, error) {
		return s.Change(t.Context(), &store.Change{Log: "room", Topics: []string{"room"}, Kind: store.KindExtend, ID: id, User: "bot", Name: "Bot", Value: []byte(text), Length: int64(len(text)), Done: done, Cancel: cancel})
	}
	var whole string
	for i, text := range []string{"Hello", " ", "wor\\n", "ld", ""} {
		got, err := extend("m", text, i == 4, false)
		if err != nil || got.Offset != int64(len(whole)) || got.Length != int64(len(whole+text)) || got.Seq != 1 || got.Open != (i < 4) {
			t.Fatalf("%q: %+v, %v", text, got, err)
		}
		whole += text
		p := page(t, s, "room", store.PageQuery{Limit: 5})
		if len(p.Messages) != 1 || string(p.Messages[0].Value) != whole || !p.Messages[0].Text || p.Messages[0].Open != (i < 4) || p.Messages[0].Name != "Bot" {
			t.Errorf("late: %+v", p.Messages)
		}
	}
	var conflict *store.ConflictError
	if _, err := extend("m", "more", false, false); !errors.As(err, &conflict) {
		t.Errorf("after done: %v", err)
	}
	var limit *store.LimitError
	if _, err := extend("long", strings.Repeat("x", 51), false, false); !errors.As(err, &limit) {
		t.Errorf("too long at once: %v", err)
	}
	if _, err := extend("n", strings.Repeat("x", 50), false, false); err != nil {
		t.Error(err)
	}
	if _, err := extend("n", "x", false, false); !errors.As(err, &limit) {
		t.Errorf("too long: %v", err)
	}
	if got, err := extend("n", "", false, true); err != nil || got.Open || !got.Cancelled {
		t.Errorf("cancelled: %+v, %v", got, err)
	}
	text := ""
	for _, r := range sink.Records(t, "room", 7)[:5] {
		if r.Kind != store.KindExtend || r.Offset != int64(len(text)) || r.Seq != 1 {
			t.Errorf("%+v", r)
		}
		text += string(r.Value)
	}
	if text != whole {
		t.Errorf("heard %q, want %q", text, whole)
	}
}

func testConcurrentEdits(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, store.Limits{}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	say(t, s, Message("room", "m", "alice", "0"))
	const n = 60
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			c := &store.Change{Log: "room", Topics: []string{"room"}, Kind: store.KindEdit, ID: "m", User: "alice", Value: []byte(fmt.Sprint(i))}
			if _, err := s.Change(background(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	m := page(t, s, "room", store.PageQuery{Limit: 1}).Messages[0]
	records := sink.Records(t, "room", n+1)
	last := records[n]
	if m.Version != n+1 || !bytes.Equal(m.Value, last.Value) || last.Version != m.Version {
		t.Errorf("kept %s (%d), heard last %s (%d)", m.Value, m.Version, last.Value, last.Version)
	}
	for i, r := range records {
		if r.Version != int64(i+1) {
			t.Errorf("record %d has version %d", i, r.Version)
		}
	}
}
