package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chorus/chat"
)

func testAppend(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, chat.Limits{}, sink)
	empty := page(t, s, "room", chat.PageQuery{Limit: 10})
	if again := page(t, s, "room", chat.PageQuery{Limit: 10}); empty.Epoch == "" || len(empty.Messages) > 0 || empty.Missed || empty.Cursor == "" || again.Cursor != empty.Cursor {
		t.Errorf("a log that does not exist: %+v, then %+v", empty, again)
	}
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	first := say(t, s, Message("room", "a", "alice", `"one"`))
	second := say(t, s, &chat.Append{Log: "room", Topics: []string{"room"}, ID: "b", Digest: "x", Value: []byte(`"two"`), Event: "chat message", Attach: true, Mentions: []string{"bob"}, Origin: "socket"})
	if first.Seq != 1 || second.Seq != 2 || first.Pos != 1 || second.Pos != 2 || first.Epoch != second.Epoch || first.Cursor == second.Cursor || second.At < first.At {
		t.Errorf("receipts %+v, %+v", first, second)
	}
	if p := page(t, s, "room", chat.PageQuery{Since: empty.Cursor, Limit: 10}); len(p.Messages) != 2 || p.Missed || p.Epoch != empty.Epoch {
		t.Errorf("since the log was empty: %+v", p)
	}
	p := page(t, s, "room", chat.PageQuery{Limit: 10})
	want := []chat.Message{
		{ID: "a", Seq: 1, Cursor: first.Cursor, At: first.At, User: "alice", Name: "Name of alice", Value: []byte(`"one"`), Version: 1},
		{ID: "b", Seq: 2, Cursor: second.Cursor, At: second.At, Value: []byte(`"two"`), Event: "chat message", Attach: true, Mentions: []string{"bob"}, Version: 1},
	}
	if !reflect.DeepEqual(p.Messages, want) {
		t.Errorf("messages %+v, want %+v", p.Messages, want)
	}
	if p.Cursor != second.Cursor || p.Pos != 2 || p.Head != 2 || p.Epoch != first.Epoch || p.First != first.Cursor || p.Last != second.Cursor || p.More {
		t.Errorf("page %+v", p)
	}
	if head := page(t, s, "room", chat.PageQuery{}); head.Cursor != second.Cursor || len(head.Messages) > 0 {
		t.Errorf("head: %+v", head)
	}
	records := sink.Records(t, "room", 2)
	if !reflect.DeepEqual(records[1].Message, want[1]) || records[1].Origin != "socket" || records[1].Kind != chat.KindMessage || records[1].Cursor != second.Cursor || records[0].By != "alice" {
		t.Errorf("records %+v, %+v", records[0], records[1])
	}
}

func testIdempotency(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, chat.Limits{}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	a := Message("room", "once", "alice", "value")
	a.Bounds = chat.Bounds{Messages: 3}
	first := say(t, s, a)
	var wait sync.WaitGroup
	for range 20 { // also at the same time
		wait.Go(func() {
			again, err := s.Append(t.Context(), a)
			if want := first; err != nil || !again.Repeated {
				t.Errorf("%+v, %v", again, err)
			} else if again.Repeated = false; again != want {
				t.Errorf("%+v, want %+v", again, want)
			}
		})
	}
	wait.Wait()
	other := *a
	other.Digest = "other"
	var conflict *chat.ConflictError
	if _, err := s.Append(t.Context(), &other); !errors.As(err, &conflict) {
		t.Errorf("another value: %v", err)
	}
	other = *a
	other.User = "bob"
	if _, err := s.Append(t.Context(), &other); !errors.As(err, &conflict) {
		t.Errorf("another user: %v", err)
	}
	if r := say(t, s, Message("elsewhere", "once", "alice", "value")); r.Repeated || r.Seq != 1 {
		t.Errorf("another room: %+v", r)
	}
	for i := range 5 { // trims it
		b := Message("room", fmt.Sprint(i), "alice", "value")
		b.Bounds = a.Bounds
		say(t, s, b)
	}
	if again := say(t, s, a); !again.Repeated || again.Seq != 1 || again.At != first.At {
		t.Errorf("after it was trimmed: %+v", again)
	}
	if n := len(sink.Records(t, "room", 6)); n != 6 {
		t.Errorf("%d records, want 6", n)
	}
}

func testBounds(t *testing.T, open Open) {
	s := open(t, chat.Limits{RememberedIDs: 5}, NewSink())
	for i := range 50 {
		a := Message("count", fmt.Sprint(i), "alice", "value")
		a.Bounds.Messages = 10
		say(t, s, a)
		b := Message("size", fmt.Sprint(i), "alice", strings.Repeat("x", 1000))
		b.Digest, b.Bounds.Bytes = "d", 10_000
		say(t, s, b)
	}
	p := page(t, s, "count", chat.PageQuery{Limit: 1000, Bounds: chat.Bounds{Messages: 10}})
	if len(p.Messages) != 10 || p.Messages[0].Seq != 41 || p.Head != 50 {
		t.Errorf("%d messages from %d", len(p.Messages), p.Messages[0].Seq)
	}
	if n := len(page(t, s, "size", chat.PageQuery{Limit: 1000}).Messages); n < 5 || n > 10 {
		t.Errorf("%d messages of 1,000 bytes in 10,000", n)
	}
	if r := say(t, s, Message("count", "0", "alice", "value")); r.Repeated || r.Seq != 51 {
		t.Errorf("an id that is forgotten: %+v", r)
	}
}

func testAge(t *testing.T, open Open) {
	s := open(t, chat.Limits{}, NewSink())
	bounds := chat.Bounds{Age: 300 * time.Millisecond}
	a := Message("room", "old", "alice", "value")
	a.Bounds = bounds
	first := say(t, s, a)
	begun := time.Now()
	for len(page(t, s, "room", chat.PageQuery{Limit: 10, Bounds: bounds}).Messages) > 0 {
		if time.Since(begun) > 20*time.Second {
			t.Fatal("it stays")
		}
		time.Sleep(10 * time.Millisecond) // for a message to get old there is no event
	}
	b := Message("room", "new", "alice", "value")
	b.Bounds = bounds
	if r := say(t, s, b); r.Seq != 2 || r.Epoch != first.Epoch {
		t.Errorf("%+v", r)
	}
}

func testPages(t *testing.T, open Open) {
	s := open(t, chat.Limits{}, NewSink())
	var cursors []string
	for i := 1; i <= 20; i++ {
		a := Message("room", fmt.Sprint(i), "alice", strings.Repeat("v", 100))
		a.Bounds.Messages, a.Digest = 15, "d"
		cursors = append(cursors, say(t, s, a).Cursor)
	}
	change(t, s, &chat.Change{Log: "room", Kind: chat.KindReact, ID: "10", User: "bob", Key: "+1", On: true})
	middle := page(t, s, "room", chat.PageQuery{}).Cursor // of a change
	for _, test := range []struct {
		name         string
		q            chat.PageQuery
		want         string
		more, missed bool
	}{
		{"newest", chat.PageQuery{Limit: 3}, "18 19 20 ", true, false},
		{"all", chat.PageQuery{Limit: 15}, "6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 ", false, false},
		{"since", chat.PageQuery{Since: cursors[16], Limit: 10}, "18 19 20 ", false, false},
		{"since, limit", chat.PageQuery{Since: cursors[9], Limit: 2}, "11 12 ", true, false},
		{"since the end", chat.PageQuery{Since: cursors[19], Limit: 10}, "", false, false},
		{"since a change", chat.PageQuery{Since: middle, Limit: 10}, "", false, false},
		{"since the last that is trimmed", chat.PageQuery{Since: cursors[4], Limit: 2}, "6 7 ", true, false},
		{"since too long ago", chat.PageQuery{Since: cursors[3], Limit: 2}, "19 20 ", true, true},
		{"since another epoch", chat.PageQuery{Since: "other-1-1", Limit: 2}, "19 20 ", true, true},
		{"since the future", chat.PageQuery{Since: chat.Position{Epoch: page(t, s, "room", chat.PageQuery{}).Epoch, Pos: 99, Seq: 20}.Cursor(), Limit: 2}, "19 20 ", true, true},
		{"after", chat.PageQuery{After: cursors[16], Limit: 2}, "18 19 ", true, false},
		{"before", chat.PageQuery{Before: cursors[9], Limit: 3}, "7 8 9 ", true, false},
		{"before, to the beginning", chat.PageQuery{Before: cursors[7], Limit: 3}, "6 7 ", false, false},
		{"before the first", chat.PageQuery{Before: cursors[5], Limit: 3}, "", false, false},
		{"before a trimmed one", chat.PageQuery{Before: cursors[2], Limit: 3}, "", false, true},
		{"before a change", chat.PageQuery{Before: middle, Limit: 2}, "19 20 ", true, false},
		{"bytes", chat.PageQuery{Limit: 100, MaxBytes: 1}, "20 ", true, false},
		{"a log without messages", chat.PageQuery{Since: cursors[3]}, "", false, true},
	} {
		log := "room"
		if strings.HasPrefix(test.name, "a log without") {
			log = "nothing"
		}
		p := page(t, s, log, test.q)
		if ids(p.Messages) != test.want || p.More != test.more || p.Missed != test.missed {
			t.Errorf("%s: %q, more %t, missed %t, want %q, %t, %t", test.name, ids(p.Messages), p.More, p.Missed, test.want, test.more, test.missed)
		}
	}
	for _, bad := range []string{"x", "a-b-c-d", strings.Repeat("x", 100), "a-1"} {
		if _, err := s.Page(t.Context(), "room", chat.PageQuery{Since: bad}); !errors.Is(err, chat.ErrBadCursor) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func testManyChanges(t *testing.T, open Open) {
	s := open(t, chat.Limits{}, NewSink())
	cursor := ""
	for i := range 1001 {
		cursor = say(t, s, Message("room", fmt.Sprint(i), "alice", "v")).Cursor
	}
	for i := range 1000 {
		change(t, s, &chat.Change{Log: "room", Kind: chat.KindDelete, ID: fmt.Sprint(i), User: "alice"})
	}
	if p := page(t, s, "room", chat.PageQuery{Since: cursor, Limit: 5}); p.Missed || len(p.Changes) != 1000 || len(p.Messages) != 0 {
		t.Errorf("missed %t, %d changes, %d messages", p.Missed, len(p.Changes), len(p.Messages))
	}
	change(t, s, &chat.Change{Log: "room", Kind: chat.KindDelete, ID: "1000", User: "alice"})
	if p := page(t, s, "room", chat.PageQuery{Since: cursor, Limit: 5}); !p.Missed || len(p.Changes) != 0 || len(p.Messages) != 5 {
		t.Errorf("missed %t, %d changes, %d messages", p.Missed, len(p.Changes), len(p.Messages))
	}
}

func testChanges(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, chat.Limits{}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	say(t, s, Message("room", "a", "alice", "1"))
	say(t, s, Message("room", "b", "bob", "2"))
	since := say(t, s, Message("room", "c", "alice", "3")).Cursor
	edited := change(t, s, &chat.Change{Log: "room", Kind: chat.KindEdit, ID: "a", User: "alice", Value: []byte("11"), Origin: "o"})
	if edited.Version != 2 || edited.EditedAt == 0 || edited.Seq != 1 || edited.Cursor == since || edited.Value != nil {
		t.Errorf("edited: %+v", edited)
	}
	say(t, s, Message("room", "d", "bob", "4"))
	change(t, s, &chat.Change{Log: "room", Kind: chat.KindEdit, ID: "d", User: "bob", Value: []byte("44")})
	deleted := change(t, s, &chat.Change{Log: "room", Kind: chat.KindDelete, ID: "b", User: "mod", Moderator: true})
	if again := change(t, s, &chat.Change{Log: "room", Kind: chat.KindDelete, ID: "b", User: "bob"}); !again.Noop || again.Cursor != deleted.Cursor || !again.Deleted {
		t.Errorf("deleted again: %+v, before %+v", again, deleted)
	}
	p := page(t, s, "room", chat.PageQuery{Since: since, Limit: 10})
	if ids(p.Changes) != "a b " || ids(p.Messages) != "d " || string(p.Changes[0].Value) != "11" || p.Changes[0].Version != 2 ||
		!p.Changes[1].Deleted || p.Changes[1].Value != nil || p.Changes[1].By != "mod" || string(p.Messages[0].Value) != "44" || p.Messages[0].Version != 2 {
		t.Errorf("changes %+v, messages %+v", p.Changes, p.Messages)
	}
	if p := page(t, s, "room", chat.PageQuery{Since: p.Changes[0].Cursor, Limit: 10}); ids(p.Changes) != "b " || ids(p.Messages) != "d " {
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
	if r := records[3]; r.Kind != chat.KindEdit || string(r.Value) != "11" || r.Version != 2 || r.By != "alice" || r.Origin != "o" || r.Cursor != edited.Cursor || r.Seq != 1 || r.Head != 3 {
		t.Errorf("%+v", r)
	}
	if r := records[6]; r.Kind != chat.KindDelete || r.Value != nil || r.ID != "b" || r.By != "mod" {
		t.Errorf("%+v", r)
	}
}

func testRefusedChanges(t *testing.T, open Open) {
	s := open(t, chat.Limits{}, NewSink())
	say(t, s, Message("room", "a", "alice", "1"))
	say(t, s, Message("room", "gone", "alice", "1"))
	change(t, s, &chat.Change{Log: "room", Kind: chat.KindDelete, ID: "gone", User: "alice"})
	change(t, s, &chat.Change{Log: "room", Kind: chat.KindEdit, ID: "a", User: "alice", Value: []byte("2"), Version: 1})
	for _, test := range []struct {
		name string
		c    chat.Change
		want error
	}{
		{"no message", chat.Change{Kind: chat.KindEdit, ID: "x", User: "alice"}, chat.ErrNotFound},
		{"another's", chat.Change{Kind: chat.KindEdit, ID: "a", User: "bob"}, chat.ErrNotOwner},
		{"another's, to delete", chat.Change{Kind: chat.KindDelete, ID: "a", User: "bob"}, chat.ErrNotOwner},
		{"deleted", chat.Change{Kind: chat.KindEdit, ID: "gone", User: "alice"}, chat.ErrNotFound},
		{"react to what is deleted", chat.Change{Kind: chat.KindReact, ID: "gone", User: "bob", Key: "x", On: true}, chat.ErrNotFound},
		{"another version", chat.Change{Kind: chat.KindEdit, ID: "a", User: "alice", Version: 1}, &chat.ConflictError{}},
		{"extend what is no text", chat.Change{Kind: chat.KindExtend, ID: "a", User: "alice", Value: []byte("x")}, &chat.ConflictError{}},
		{"extend another's", chat.Change{Kind: chat.KindExtend, ID: "a", User: "bob", Moderator: true, Value: []byte("x")}, chat.ErrNotOwner},
	} {
		test.c.Log = "room"
		_, err := s.Change(t.Context(), &test.c)
		var conflict *chat.ConflictError
		if errors.As(test.want, &conflict) {
			conflict = nil
			if !errors.As(err, &conflict) || conflict.Version != 2 {
				t.Errorf("%s: %v (%+v)", test.name, err, conflict)
			}
		} else if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	if p := page(t, s, "room", chat.PageQuery{Limit: 5}); string(p.Messages[0].Value) != "2" || p.Pos != 4 {
		t.Errorf("%+v", p)
	}
}

func testReactions(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, chat.Limits{ReactionKeys: 2, Reactions: 5}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	since := say(t, s, Message("room", "a", "alice", "1")).Cursor
	react := func(user, key string, on bool) (chat.Changed, error) {
		return s.Change(t.Context(), &chat.Change{Log: "room", Topics: []string{"room"}, Kind: chat.KindReact, ID: "a", User: user, Key: key, On: on})
	}
	for _, step := range []struct {
		user, key string
		on, noop  bool
		want      []chat.Reaction
	}{
		{"bob", "+1", true, false, []chat.Reaction{{Key: "+1", Count: 1, Mine: true}}},
		{"bob", "+1", true, true, []chat.Reaction{{Key: "+1", Count: 1, Mine: true}}},
		{"carol", "+1", true, false, []chat.Reaction{{Key: "+1", Count: 2, Mine: true}}},
		{"carol", "🎉", true, false, []chat.Reaction{{Key: "+1", Count: 2, Mine: true}, {Key: "🎉", Count: 1, Mine: true}}},
		{"bob", "🎉", false, true, []chat.Reaction{{Key: "+1", Count: 2, Mine: true}, {Key: "🎉", Count: 1}}},
		{"carol", "+1", false, false, []chat.Reaction{{Key: "+1", Count: 1}, {Key: "🎉", Count: 1, Mine: true}}},
	} {
		got, err := react(step.user, step.key, step.on)
		if err != nil || got.Noop != step.noop || !reflect.DeepEqual(got.Reactions, step.want) {
			t.Errorf("%s %s %t: %+v (noop %t), %v, want %+v", step.user, step.key, step.on, got.Reactions, got.Noop, err, step.want)
		}
	}
	var limit *chat.LimitError
	if _, err := react("bob", "third", true); !errors.As(err, &limit) {
		t.Errorf("a third key: %v", err)
	}
	for _, user := range []string{"d", "e", "f"} {
		if _, err := react(user, "+1", true); err != nil {
			t.Error(err)
		}
	}
	if _, err := react("g", "+1", true); !errors.As(err, &limit) {
		t.Errorf("a sixth reaction: %v", err)
	}
	p := page(t, s, "room", chat.PageQuery{Since: since, Limit: 5, User: "carol"})
	if want := []chat.Reaction{{Key: "+1", Count: 4}, {Key: "🎉", Count: 1, Mine: true}}; len(p.Changes) != 1 || !reflect.DeepEqual(p.Changes[0].Reactions, want) {
		t.Errorf("%+v", p.Changes)
	}
	if r := sink.Records(t, "room", 8)[4]; r.Kind != chat.KindReact || r.Key != "+1" || r.On || r.Count != 1 || r.By != "carol" || r.ID != "a" || r.Value != nil {
		t.Errorf("%+v", r)
	}
	change(t, s, &chat.Change{Log: "room", Kind: chat.KindDelete, ID: "a", User: "alice"})
	if p := page(t, s, "room", chat.PageQuery{Limit: 5, User: "carol"}); p.Messages[0].Reactions != nil {
		t.Errorf("%+v", p.Messages)
	}
}

func testText(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, chat.Limits{MessageBytes: 50}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	extend := func(id, text string, done, cancel bool) (chat.Changed, error) {
		return s.Change(t.Context(), &chat.Change{Log: "room", Topics: []string{"room"}, Kind: chat.KindExtend, ID: id, User: "bot", Name: "Bot", Value: []byte(text), Length: int64(len(text)), Done: done, Cancel: cancel})
	}
	var whole string
	for i, text := range []string{"Hello", " ", "wor\\n", "ld", ""} {
		got, err := extend("m", text, i == 4, false)
		if err != nil || got.Offset != int64(len(whole)) || got.Length != int64(len(whole+text)) || got.Seq != 1 || got.Open != (i < 4) {
			t.Fatalf("%q: %+v, %v", text, got, err)
		}
		whole += text
		p := page(t, s, "room", chat.PageQuery{Limit: 5})
		if len(p.Messages) != 1 || string(p.Messages[0].Value) != whole || !p.Messages[0].Text || p.Messages[0].Open != (i < 4) || p.Messages[0].Name != "Bot" {
			t.Errorf("late: %+v", p.Messages)
		}
	}
	var conflict *chat.ConflictError
	if _, err := extend("m", "more", false, false); !errors.As(err, &conflict) {
		t.Errorf("after done: %v", err)
	}
	var limit *chat.LimitError
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
		if r.Kind != chat.KindExtend || r.Offset != int64(len(text)) || r.Seq != 1 {
			t.Errorf("%+v", r)
		}
		text += string(r.Value)
	}
	if text != whole {
		t.Errorf("heard %q, want %q", text, whole)
	}
}

func testPurge(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, chat.Limits{}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		a := Message("room", fmt.Sprint("a", i), "alice", "v")
		a.Mentions = []string{"bob", "carol"}
		say(t, s, a)
		say(t, s, Message("room", fmt.Sprint("b", i), "bob", "v"))
	}
	change(t, s, &chat.Change{Log: "room", Kind: chat.KindReact, ID: "a0", User: "bob", Key: "x", On: true})
	change(t, s, &chat.Change{Log: "room", Kind: chat.KindReact, ID: "a0", User: "carol", Key: "x", On: true})
	since, epoch := page(t, s, "room", chat.PageQuery{}).Cursor, page(t, s, "room", chat.PageQuery{}).Epoch
	if n, err := s.Purge(t.Context(), "room", chat.Purge{ID: "a1", Topics: []string{"room"}}); n != 1 || err != nil {
		t.Errorf("a message: %d, %v", n, err)
	}
	if n, err := s.Purge(t.Context(), "room", chat.Purge{User: "bob", Topics: []string{"room"}}); n != 4 || err != nil {
		t.Errorf("a user: %d, %v", n, err)
	}
	changes := page(t, s, "room", chat.PageQuery{Since: since, Limit: 10}).Changes
	for i, want := range []string{"a1", "b0", "b1", "b2", "b3", "a0", "a2", "a3"} {
		if i >= len(changes) || changes[i].ID != want || changes[i].Purged != (i < 5) || changes[i].Deleted != (i < 5) {
			t.Errorf("changes: %+v", changes)
			break
		}
	}
	p := page(t, s, "room", chat.PageQuery{Limit: 10, User: "bob"})
	if ids(p.Messages) != "a0 a2 a3 " || !reflect.DeepEqual(p.Messages[0].Reactions, []chat.Reaction{{Key: "x", Count: 1}}) {
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
	if n, err := s.Purge(t.Context(), "room", chat.Purge{Whole: true, Topics: []string{"room"}}); n != 4 || err != nil {
		t.Errorf("the room: %d, %v", n, err)
	}
	if p := page(t, s, "room", chat.PageQuery{Limit: 10}); p.Epoch == epoch || len(p.Messages) != 0 {
		t.Errorf("%+v", p)
	}
	if p := page(t, s, "room", chat.PageQuery{Since: since, Limit: 10}); !p.Missed {
		t.Errorf("since the room was purged: %+v", p)
	}
	if r := say(t, s, Message("room", "new", "dave", "v")); r.Seq != 1 || r.Epoch == p.Epoch {
		t.Errorf("the log begins again: %+v", r)
	}
	records := sink.Records(t, "room", 16)
	if r := records[12]; r.Kind != chat.KindState || r.ID != "a0" || !reflect.DeepEqual(r.Mentions, []string{"carol"}) {
		t.Errorf("%+v", r)
	}
	records = slices.DeleteFunc(slices.Clone(records), func(r *chat.Record) bool { return r.Kind == chat.KindState })
	if r := records[10]; r.Kind != chat.KindPurge || r.ID != "a1" {
		t.Errorf("%+v", r)
	}
	if r := records[11]; r.Kind != chat.KindPurge || r.PurgedUser != "bob" {
		t.Errorf("%+v", r)
	}
	if r := records[13]; r.Kind != chat.KindPurge || !r.PurgedWhole {
		t.Errorf("%+v", r)
	}
	if lost := sink.Lose(); len(lost) > 0 {
		t.Errorf("lost: %v", lost)
	}
	if n, err := s.Purge(t.Context(), "nothing", chat.Purge{Whole: true}); n != 0 || err != nil {
		t.Errorf("a log that does not exist: %d, %v", n, err)
	}
}

func testRooms(t *testing.T, open Open) {
	s := open(t, chat.Limits{Rooms: 3}, NewSink())
	for _, log := range []string{"a", "b", "c", "a"} {
		say(t, s, Message(log, fmt.Sprint("id", time.Now().UnixNano()), "alice", "v"))
	}
	var limit *chat.LimitError
	if _, err := s.Append(t.Context(), Message("d", "x", "alice", "v")); !errors.As(err, &limit) || limit.Limit != 3 {
		t.Errorf("a fourth room: %v", err)
	}
	if _, err := s.Purge(t.Context(), "b", chat.Purge{Whole: true}); err != nil {
		t.Fatal(err)
	}
	say(t, s, Message("d", "x", "alice", "v"))
}

// testCursorsUnderLoad reads pages in both directions while messages come and are trimmed: none is skipped, none comes
// twice, unless the page says that something was missed.
func testCursorsUnderLoad(t *testing.T, open Open) {
	s := open(t, chat.Limits{}, NewSink())
	const total, most = 2000, 300
	bounds := chat.Bounds{Messages: most}
	var done atomic.Bool
	var wait sync.WaitGroup
	for writer := range 4 {
		wait.Go(func() {
			for i := range total / 4 {
				a := Message("room", fmt.Sprint(writer, "-", i), "alice", "v")
				a.Bounds = bounds
				if _, err := s.Append(background(), a); err != nil {
					t.Errorf("append: %v", err)
					return
				}
			}
		})
	}
	go func() { // ends with the writers
		wait.Wait()
		done.Store(true)
	}()
	var readers sync.WaitGroup
	readers.Go(func() { // forwards
		cursor, last := "", int64(0)
		for finished := false; ; {
			p, err := s.Page(background(), "room", chat.PageQuery{Since: cursor, Limit: 50, Bounds: bounds})
			if err != nil {
				t.Errorf("page: %v", err)
				return
			}
			for i, m := range p.Messages {
				if begins := i == 0 && (p.Missed || last == 0); m.Seq != last+1 && !begins {
					t.Errorf("after %d came %d", last, m.Seq)
					return
				}
				last = m.Seq
			}
			if p.Cursor != "" {
				cursor = p.Cursor
			}
			if finished && !p.More {
				break
			}
			finished = done.Load()
		}
		if last != total {
			t.Errorf("the last one read is %d, want %d", last, total)
		}
	})
	readers.Go(func() { // backwards
		for !done.Load() {
			cursor, last := "", int64(0)
			for {
				p, err := s.Page(background(), "room", chat.PageQuery{Before: cursor, Limit: 50, Bounds: bounds})
				if err != nil {
					t.Errorf("page: %v", err)
					return
				}
				if p.Missed || len(p.Messages) == 0 {
					break
				}
				for i, m := range p.Messages {
					if want := last - int64(len(p.Messages)-i); last > 0 && m.Seq != want {
						t.Errorf("got %d, want %d", m.Seq, want)
						return
					}
				}
				cursor, last = p.First, p.Messages[0].Seq
				if !p.More {
					break
				}
			}
		}
	})
	readers.Wait()
}

func testConcurrentEdits(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, chat.Limits{}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	say(t, s, Message("room", "m", "alice", "0"))
	const n = 60
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			c := &chat.Change{Log: "room", Topics: []string{"room"}, Kind: chat.KindEdit, ID: "m", User: "alice", Value: []byte(fmt.Sprint(i))}
			if _, err := s.Change(background(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	m := page(t, s, "room", chat.PageQuery{Limit: 1}).Messages[0]
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

func testBytes(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, chat.Limits{}, sink)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for i, name := range []string{"", "}", "{", "{}", "a}b{c", "%", "%7D", "ä 🎉\n", "a\x00b", "with\"quote", strings.Repeat("x", 255), "rc\":{", "*", "user:ü"} {
		if err := s.Follow(t.Context(), name); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		a := Message(name, "id", name, "x")
		a.Value, a.Name, a.Event, a.Mentions = slices.Concat(all, []byte("\n\n")), name, name, []string{name, `"id":"x"`}
		say(t, s, a)
		change(t, s, &chat.Change{Log: name, Kind: chat.KindReact, ID: "id", User: name, Key: `"rc":{`, On: true})
		change(t, s, &chat.Change{Log: name, Kind: chat.KindEdit, ID: "id", User: name, Value: all})
		m := page(t, s, name, chat.PageQuery{Limit: 1, User: name}).Messages[0]
		if !bytes.Equal(m.Value, all) || m.User != name || m.Name != name || m.Event != name || !reflect.DeepEqual(m.Mentions, a.Mentions) {
			t.Errorf("%q: %+v", name, m)
		}
		if name != "" && !reflect.DeepEqual(m.Reactions, []chat.Reaction{{Key: `"rc":{`, Count: 1, Mine: true}}) {
			t.Errorf("%q: %+v", name, m.Reactions)
		}
		records := sink.Records(t, name, 3)
		if !bytes.Equal(records[0].Value, a.Value) || !bytes.Equal(records[2].Value, all) || len(records) != 3 {
			t.Errorf("%q (%d): heard %q, %q", name, i, records[0].Value, records[2].Value)
		}
	}
}
