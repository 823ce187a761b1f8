package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/chat/store"
)

func testAppend(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, store.Limits{}, sink)
	empty := page(t, s, "room", store.PageQuery{Limit: 10})
	if again := page(t, s, "room", store.PageQuery{Limit: 10}); empty.Epoch == "" || len(empty.Messages) > 0 || empty.Missed || empty.Cursor == "" || again.Cursor != empty.Cursor {
		t.Errorf("a log that does not exist: %+v, then %+v", empty, again)
	}
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	first := say(t, s, Message("room", "a", "alice", `"one"`))
	second := say(t, s, &store.Append{Log: "room", Topics: []string{"room"}, ID: "b", Digest: "x", Value: []byte(`"two"`), Event: "chat message", Attach: true, Mentions: []string{"bob"}, Origin: "socket"})
	if first.Seq != 1 || second.Seq != 2 || first.Pos != 1 || second.Pos != 2 || first.Epoch != second.Epoch || first.Cursor == second.Cursor || second.At < first.At {
		t.Errorf("receipts %+v, %+v", first, second)
	}
	if p := page(t, s, "room", store.PageQuery{Since: empty.Cursor, Limit: 10}); len(p.Messages) != 2 || p.Missed || p.Epoch != empty.Epoch {
		t.Errorf("since the log was empty: %+v", p)
	}
	p := page(t, s, "room", store.PageQuery{Limit: 10})
	want := []store.Message{
		{ID: "a", Seq: 1, Cursor: first.Cursor, At: first.At, User: "alice", Name: "Name of alice", Value: []byte(`"one"`), Version: 1},
		{ID: "b", Seq: 2, Cursor: second.Cursor, At: second.At, Value: []byte(`"two"`), Event: "chat message", Attach: true, Mentions: []string{"bob"}, Version: 1},
	}
	if !reflect.DeepEqual(p.Messages, want) {
		t.Errorf("messages %+v, want %+v", p.Messages, want)
	}
	if p.Cursor != second.Cursor || p.Pos != 2 || p.Head != 2 || p.Epoch != first.Epoch || p.First != first.Cursor || p.Last != second.Cursor || p.More {
		t.Errorf("page %+v", p)
	}
	if head := page(t, s, "room", store.PageQuery{}); head.Cursor != second.Cursor || len(head.Messages) > 0 {
		t.Errorf("head: %+v", head)
	}
	records := sink.Records(t, "room", 2)
	if !reflect.DeepEqual(records[1].Message, want[1]) || records[1].Origin != "socket" || records[1].Kind != store.KindMessage || records[1].Cursor != second.Cursor || records[0].By != "alice" {
		t.Errorf("records %+v, %+v", records[0], records[1])
	}
}

func testIdempotency(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, store.Limits{}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	a := Message("room", "once", "alice", "value")
	a.Bounds = store.Bounds{Messages: 3}
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
	var conflict *store.ConflictError
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
	s := open(t, store.Limits{RememberedIDs: 5}, NewSink())
	for i := range 50 {
		a := Message("count", fmt.Sprint(i), "alice", "value")
		a.Bounds.Messages = 10
		say(t, s, a)
		b := Message("size", fmt.Sprint(i), "alice", strings.Repeat("x", 1000))
		b.Digest, b.Bounds.Bytes = "d", 10_000
		say(t, s, b)
	}
	p := page(t, s, "count", store.PageQuery{Limit: 1000, Bounds: store.Bounds{Messages: 10}})
	if len(p.Messages) != 10 || p.Messages[0].Seq != 41 || p.Head != 50 {
		t.Errorf("%d messages from %d", len(p.Messages), p.Messages[0].Seq)
	}
	if n := len(page(t, s, "size", store.PageQuery{Limit: 1000}).Messages); n < 5 || n > 10 {
		t.Errorf("%d messages of 1,000 bytes in 10,000", n)
	}
	if r := say(t, s, Message("count", "0", "alice", "value")); r.Repeated || r.Seq != 51 {
		t.Errorf("an id that is forgotten: %+v", r)
	}
}

func testAge(t *testing.T, open Open) {
	s := open(t, store.Limits{}, NewSink())
	bounds := store.Bounds{Age: 300 * time.Millisecond}
	a := Message("room", "old", "alice", "value")
	a.Bounds = bounds
	first := say(t, s, a)
	begun := time.Now()
	for len(page(t, s, "room", store.PageQuery{Limit: 10, Bounds: bounds}).Messages) > 0 {
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

func testRooms(t *testing.T, open Open) {
	s := open(t, store.Limits{Rooms: 3}, NewSink())
	for _, log := range []string{"a", "b", "c", "a"} {
		say(t, s, Message(log, fmt.Sprint("id", time.Now().UnixNano()), "alice", "v"))
	}
	var limit *store.LimitError
	if _, err := s.Append(t.Context(), Message("d", "x", "alice", "v")); !errors.As(err, &limit) || limit.Limit != 3 {
		t.Errorf("a fourth room: %v", err)
	}
	if _, err := s.Purge(t.Context(), "b", store.Purge{Whole: true}); err != nil {
		t.Fatal(err)
	}
	say(t, s, Message("d", "x", "alice", "v"))
}

func testBytes(t *testing.T, open Open) {
	sink := NewSink()
	s := open(t, store.Limits{}, sink)
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
		change(t, s, &store.Change{Log: name, Kind: store.KindReact, ID: "id", User: name, Key: `"rc":{`, On: true})
		change(t, s, &store.Change{Log: name, Kind: store.KindEdit, ID: "id", User: name, Value: all})
		m := page(t, s, name, store.PageQuery{Limit: 1, User: name}).Messages[0]
		if !bytes.Equal(m.Value, all) || m.User != name || m.Name != name || m.Event != name || !reflect.DeepEqual(m.Mentions, a.Mentions) {
			t.Errorf("%q: %+v", name, m)
		}
		if name != "" && !reflect.DeepEqual(m.Reactions, []store.Reaction{{Key: `"rc":{`, Count: 1, Mine: true}}) {
			t.Errorf("%q: %+v", name, m.Reactions)
		}
		records := sink.Records(t, name, 3)
		if !bytes.Equal(records[0].Value, a.Value) || !bytes.Equal(records[2].Value, all) || len(records) != 3 {
			t.Errorf("%q (%d): heard %q, %q", name, i, records[0].Value, records[2].Value)
		}
	}
}
