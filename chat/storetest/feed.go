package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chorus/chat/store"
)

func testFeed(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, store.Limits{}, sink)
	for _, topic := range []string{"room", "room", "user:a", "user:b"} {
		if err := s.Follow(t.Context(), topic); err != nil {
			t.Fatal(err)
		}
	}
	s.Unfollow("room") // it was followed twice
	var wait sync.WaitGroup
	for writer := range 5 {
		wait.Go(func() {
			for i := range 40 {
				if _, err := s.Append(background(), Message("room", fmt.Sprint(writer, "-", i), "alice", "v")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	for i, r := range sink.Records(t, "room", 200) {
		if r.Seq != int64(i+1) {
			t.Fatalf("record %d has seq %d", i, r.Seq)
		}
	}
	pair := Message("@a\x00b", "x", "a", "v")
	pair.Topics = []string{"user:a", "user:b"}
	say(t, s, pair)
	pair.ID = "y"
	say(t, s, pair)
	if records := sink.Records(t, "@a\x00b", 2); len(records) != 2 || records[1].ID != "y" || len(records[0].Topics) != 2 {
		t.Errorf("%+v", records)
	}
	s.Signal("room", []byte("typing"))
	s.Signal("nobody", []byte("x"))
	s.Signal("user:a", []byte{0, 255})
	sink.Await(t, "signals", func() bool { return len(sink.signals) >= 2 })
	if slices.Sort(sink.signals); len(sink.signals) != 2 || sink.signals[0] != "room=typing" || sink.signals[1] != "user:a=\x00\xff" {
		t.Errorf("%q", sink.signals)
	}
	for i := range 100 {
		s.Signal("room", fmt.Append(nil, i))
	}
	sink.Await(t, "more signals", func() bool { return len(sink.signals) >= 102 })
	for i, signal := range sink.signals[2:] {
		if signal != fmt.Sprint("room=", i) {
			t.Fatalf("signal %d of the room is %q", i, signal)
		}
	}
	s.Unfollow("room")
	s.Unfollow("room")
	s.Unfollow("never")
	say(t, s, Message("room", "unheard", "alice", "v"))
	pair.ID = "z"
	say(t, s, pair)
	sink.Records(t, "@a\x00b", 3)
	if n := len(sink.Records(t, "room", 200)); n != 200 {
		t.Errorf("%d records of a room that is not followed any more", n)
	}
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	say(t, s, Message("room", "heard", "alice", "v"))
	if r := sink.Records(t, "room", 201)[200]; r.ID != "heard" {
		t.Errorf("%+v", r)
	}
}

func testOnce(t *testing.T, open Open) {
	s := open(t, store.Limits{}, NewSink())
	var done atomic.Int64
	var wait sync.WaitGroup
	for range 10 {
		wait.Go(func() {
			answer, err := s.Begin(background(), "key", "d", time.Minute)
			switch {
			case err != nil:
				t.Error(err)
			case answer == nil:
				done.Add(1)
				if err := s.Finish(background(), "key", "d", []byte("the answer"), time.Minute); err != nil {
					t.Error(err)
				}
			case string(answer) != "the answer":
				t.Errorf("%q", answer)
			}
		})
	}
	wait.Wait()
	if done.Load() != 1 {
		t.Errorf("done %d times", done.Load())
	}
	var conflict *store.ConflictError
	if _, err := s.Begin(t.Context(), "key", "other", time.Minute); !errors.As(err, &conflict) {
		t.Errorf("another digest: %v", err)
	}
	if answer, err := s.Begin(t.Context(), "fails", "d", time.Minute); answer != nil || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
	if err := s.Finish(t.Context(), "fails", "d", nil, time.Minute); err != nil {
		t.Error(err)
	}
	if answer, err := s.Begin(t.Context(), "fails", "d", time.Minute); answer != nil || err != nil {
		t.Errorf("after a failure: %q, %v", answer, err)
	}
	if err := s.Finish(t.Context(), "fails", "d", []byte{}, time.Minute); err != nil {
		t.Error(err)
	}
	if answer, err := s.Begin(t.Context(), "fails", "d", time.Minute); answer == nil || len(answer) > 0 || err != nil {
		t.Errorf("an empty answer: %q, %v", answer, err)
	}
}

func testMarkers(t *testing.T, open Open) {
	s := open(t, store.Limits{Markers: 2, MentionsOfOne: 2}, NewSink())
	for i := 1; i <= 10; i++ {
		a := Message("room", fmt.Sprint(i), "alice", "v")
		if i%2 == 0 {
			a.Mentions = []string{"bob", "carol", "too many"}
		}
		say(t, s, a)
	}
	read := func(log string, seq int64, want store.Unread) {
		t.Helper()
		if got, err := s.Read(t.Context(), "bob", log, seq); err != nil || got != want {
			t.Errorf("read %s %d: %+v, %v, want %+v", log, seq, got, err, want)
		}
	}
	read("room", 4, store.Unread{Log: "room", Unread: 6, Mentions: 3, Read: 4, Last: 10})
	read("room", 2, store.Unread{Log: "room", Unread: 6, Mentions: 3, Read: 4, Last: 10}) // only forward
	read("room", 99, store.Unread{Log: "room", Read: 10, Last: 10})
	read("empty", 5, store.Unread{Log: "empty"})
	if _, err := s.Read(t.Context(), "bob", "third", 0); err == nil {
		t.Error("a third marker is not refused")
	}
	change(t, s, &store.Change{Log: "room", Kind: store.KindDelete, ID: "10", User: "alice"})
	if list, err := s.Unread(t.Context(), "carol", []string{"room"}); err != nil || list[0] != (store.Unread{Log: "room", Unread: 10, Mentions: 4, Last: 10}) {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := s.Unread(t.Context(), "too many", []string{"room"}); err != nil || list[0].Mentions != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	say(t, s, Message("room", "11", "alice", "v"))
	list, err := s.Unread(t.Context(), "bob", nil)
	if err != nil || len(list) != 2 || list[0].Log != "empty" || list[1] != (store.Unread{Log: "room", Unread: 1, Read: 10, Last: 11}) {
		t.Errorf("%+v, %v", list, err)
	}
	if err := s.Forget(t.Context(), "bob", "empty"); err != nil {
		t.Error(err)
	}
	if list, err := s.Unread(t.Context(), "bob", nil); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := s.Purge(t.Context(), "room", store.Purge{Whole: true}); err != nil {
		t.Fatal(err)
	}
	say(t, s, Message("room", "1", "alice", "v"))
	if list, err := s.Unread(t.Context(), "bob", nil); err != nil || list[0] != (store.Unread{Log: "room", Unread: 1, Last: 1}) {
		t.Errorf("a log that began again: %+v, %v", list, err)
	}
	if list, err := s.Unread(t.Context(), "nobody", nil); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func testModeration(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, store.Limits{}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	set := func(room string, r store.Rule) {
		t.Helper()
		if err := s.SetRule(t.Context(), room, r); err != nil {
			t.Fatal(err)
		}
	}
	standing := func(room, user string) store.Standing {
		t.Helper()
		got, err := s.Standing(t.Context(), room, user)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	now := time.Now().UnixMilli()
	mute := store.Bar{Action: "mute", User: "bob", Until: now + 3_600_000, Reason: `"loud"`, By: "mod", At: now}
	ban := store.Bar{Action: "ban", User: "bob", By: "mod", At: now}
	slow, on, off := 7, true, false
	set("room", store.Rule{Bar: &mute})
	set("room", store.Rule{Bar: &store.Bar{Action: "mute", User: "past", Until: now - 1}})
	set("other", store.Rule{Bar: &ban})
	set("", store.Rule{Bar: &store.Bar{Action: "ban", User: "carol"}})
	set("room", store.Rule{Slow: &slow})
	set("room", store.Rule{Frozen: &on})
	for i := range 3 {
		set("room", store.Rule{Report: &store.Report{ID: fmt.Sprint(i), By: "bob", Reason: "spam", At: now}})
	}
	sink.Await(t, "the bars are known", func() bool { return len(sink.barred) >= 5 })
	if got := standing("room", "bob"); got.Mute == nil || *got.Mute != mute || got.Ban != nil || got.Slow != 7 || !got.Frozen {
		t.Errorf("%+v", got)
	}
	if got := standing("room", "past"); got.Mute != nil {
		t.Errorf("%+v", got)
	}
	if got := standing("other", "bob"); got.Ban == nil || *got.Ban != ban || got.Mute != nil || got.Slow != 0 || got.Frozen {
		t.Errorf("%+v", got)
	}
	if got := standing("anywhere", "carol"); got.Ban == nil {
		t.Errorf("%+v", got)
	}
	p, err := s.Rules(t.Context(), "room", "", 10)
	if err != nil || len(p.Bars) != 1 || p.Bars[0] != mute || p.Slow != 7 || !p.Frozen || p.Next != "" || len(p.Reports) != 3 || p.Reports[0].ID != "2" {
		t.Errorf("%+v, %v", p, err)
	}
	before := 0
	sink.Await(t, "the number of changes", func() bool { before = len(sink.barred); return true })
	set("room", store.Rule{Lift: &store.Bar{Action: "mute", User: "bob"}})
	set("room", store.Rule{Frozen: &off})
	slow = 0
	set("room", store.Rule{Slow: &slow})
	sink.Await(t, "the changes are known", func() bool { return len(sink.barred) >= before+3 })
	if got := standing("room", "bob"); got != (store.Standing{}) {
		t.Errorf("%+v", got)
	}
	if wait, err := s.Turn(t.Context(), "room", "bob", 60); wait != 0 || err != nil {
		t.Errorf("first turn: %s, %v", wait, err)
	}
	if wait, err := s.Turn(t.Context(), "room", "bob", 60); wait < 30*time.Second || wait > time.Minute || err != nil {
		t.Errorf("second turn: %s, %v", wait, err)
	}
	if wait, err := s.Turn(t.Context(), "room", "carol", 60); wait != 0 || err != nil {
		t.Errorf("another user: %s, %v", wait, err)
	}
	text := store.Change{Log: "room", Topics: []string{"room"}, Kind: store.KindExtend, ID: "text", User: "bob", Value: []byte("x"), Length: 1, Slow: time.Minute}
	var slowed *store.SlowError
	if _, err := s.Change(t.Context(), &text); !errors.As(err, &slowed) || slowed.Wait < 30*time.Second || slowed.Wait > time.Minute {
		t.Errorf("a text out of turn: %v", err)
	}
	text.User = "dave"
	for range 2 {
		change(t, s, &text) // what goes on is no new message
	}
	if wait, err := s.Turn(t.Context(), "room", "dave", 60); wait < 30*time.Second || wait > time.Minute || err != nil {
		t.Errorf("behind a text: %s, %v", wait, err)
	}
}

func testModerationLimits(t *testing.T, open Open) {
	s := open(t, store.Limits{Bars: 3, Reports: 2}, NewSink())
	now := time.Now().UnixMilli()
	for i := range 3 {
		if err := s.SetRule(t.Context(), "room", store.Rule{Bar: &store.Bar{Action: "ban", User: fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	var limit *store.LimitError
	extra := store.Rule{Bar: &store.Bar{Action: "ban", User: "3"}}
	if err := s.SetRule(t.Context(), "room", extra); !errors.As(err, &limit) || limit.Limit != 3 {
		t.Errorf("%v", err)
	}
	slow, frozen := 7, true
	for _, r := range []store.Rule{{Slow: &slow}, {Frozen: &frozen}} {
		if err := s.SetRule(t.Context(), "room", r); err != nil {
			t.Errorf("slow mode and freezing are no bars: %v", err)
		}
	}
	if err := s.SetRule(t.Context(), "room", store.Rule{Bar: &store.Bar{Action: "ban", User: "1", Until: now - 1}}); err != nil {
		t.Errorf("one that is there already: %v", err)
	}
	if err := s.SetRule(t.Context(), "room", extra); err != nil {
		t.Errorf("one has ended, slow mode and freezing take no place: %v", err)
	}
	report := func(id, by string) error {
		return s.SetRule(t.Context(), "room", store.Rule{Report: &store.Report{ID: id, By: by, Reason: `"&`}})
	}
	for i := range 5 {
		if err := report(fmt.Sprint(i), "a \"<&> ä"); err != nil {
			t.Fatal(err)
		}
	}
	if err := report("4", "a \"<&> ä"); !errors.Is(err, store.ErrReported) {
		t.Errorf("reported again: %v", err)
	}
	p, err := s.Rules(t.Context(), "room", "", 2)
	if err != nil || len(p.Bars) != 2 || p.Next == "" || len(p.Reports) != 2 || p.Reports[0].ID != "4" {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err = s.Rules(t.Context(), "room", p.Next, 2); err != nil || len(p.Bars) != 1 || p.Next != "" || len(p.Reports) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	for _, by := range []string{"", "b"} { // another user, and one whose report was dropped
		if err := report("4", by); err != nil {
			t.Errorf("by %q: %v", by, err)
		}
	}
	if err := report("4", "a \"<&> ä"); err != nil {
		t.Errorf("the report before is not kept any more: %v", err)
	}
}
