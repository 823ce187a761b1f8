package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"chorus/chat/store"
)

func testPages(t *testing.T, open Open) {
	s := open(t, store.Limits{}, NewSink())
	var cursors []string
	for i := 1; i <= 20; i++ {
		a := Message("room", fmt.Sprint(i), "alice", strings.Repeat("v", 100))
		a.Bounds.Messages, a.Digest = 15, "d"
		cursors = append(cursors, say(t, s, a).Cursor)
	}
	change(t, s, &store.Change{Log: "room", Kind: store.KindReact, ID: "10", User: "bob", Key: "+1", On: true})
	middle := page(t, s, "room", store.PageQuery{}).Cursor // of a change
	for _, test := range []struct {
		name         string
		q            store.PageQuery
		want         string
		more, missed bool
	}{
		{"newest", store.PageQuery{Limit: 3}, "18 19 20 ", true, false},
		{"all", store.PageQuery{Limit: 15}, "6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 ", false, false},
		{"since", store.PageQuery{Since: cursors[16], Limit: 10}, "18 19 20 ", false, false},
		{"since, limit", store.PageQuery{Since: cursors[9], Limit: 2}, "11 12 ", true, false},
		{"since the end", store.PageQuery{Since: cursors[19], Limit: 10}, "", false, false},
		{"since a change", store.PageQuery{Since: middle, Limit: 10}, "", false, false},
		{"since the last that is trimmed", store.PageQuery{Since: cursors[4], Limit: 2}, "6 7 ", true, false},
		{"since too long ago", store.PageQuery{Since: cursors[3], Limit: 2}, "19 20 ", true, true},
		{"since another epoch", store.PageQuery{Since: "other-1-1", Limit: 2}, "19 20 ", true, true},
		{"since the future", store.PageQuery{Since: store.Position{Epoch: page(t, s, "room", store.PageQuery{}).Epoch, Pos: 99, Seq: 20}.Cursor(), Limit: 2}, "19 20 ", true, true},
		{"after", store.PageQuery{After: cursors[16], Limit: 2}, "18 19 ", true, false},
		{"before", store.PageQuery{Before: cursors[9], Limit: 3}, "7 8 9 ", true, false},
		{"before, to the beginning", store.PageQuery{Before: cursors[7], Limit: 3}, "6 7 ", false, false},
		{"before the first", store.PageQuery{Before: cursors[5], Limit: 3}, "", false, false},
		{"before a trimmed one", store.PageQuery{Before: cursors[2], Limit: 3}, "", false, true},
		{"before a change", store.PageQuery{Before: middle, Limit: 2}, "19 20 ", true, false},
		{"bytes", store.PageQuery{Limit: 100, MaxBytes: 1}, "20 ", true, false},
		{"a log without messages", store.PageQuery{Since: cursors[3]}, "", false, true},
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
		if _, err := s.Page(t.Context(), "room", store.PageQuery{Since: bad}); !errors.Is(err, store.ErrBadCursor) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// testCursorsUnderLoad reads pages in both directions while messages come and are trimmed: none is skipped, none comes
// twice, unless the page says that something was missed.
func testCursorsUnderLoad(t *testing.T, open Open) {
	s := open(t, store.Limits{}, NewSink())
	const total, most = 2000, 300
	bounds := store.Bounds{Messages: most}
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
			p, err := s.Page(background(), "room", store.PageQuery{Since: cursor, Limit: 50, Bounds: bounds})
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
				p, err := s.Page(background(), "room", store.PageQuery{Before: cursor, Limit: 50, Bounds: bounds})
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
