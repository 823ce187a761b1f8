package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"chorus/chat/store"
)

// testManyAppends adds messages of one room at the same time, each twice, and some ids with another value: each has its own
// outcome.
func testManyAppends(t *testing.T, open Open) {
	const messages, conflicts = 60, 10 // more than one script of the store in Redis takes, few enough for miniredis on a busy machine
	sink := NewSink()
	s := open(t, store.Limits{}, sink)
	if err := s.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	receipts := make(map[string][]store.Receipt)
	for i := range messages {
		for range 2 {
			wg.Go(func() {
				a := Message("room", fmt.Sprint("m", i), "alice", fmt.Sprintf(`"%d"`, i))
				a.Bounds, a.Mark = store.Bounds{Messages: messages}, i%2 == 0
				r, err := s.Append(t.Context(), a)
				if err != nil {
					t.Errorf("append %s: %v", a.ID, err)
				}
				mu.Lock()
				defer mu.Unlock()
				receipts[a.ID] = append(receipts[a.ID], r)
			})
		}
	}
	wg.Wait()
	for i := range conflicts {
		wg.Go(func() {
			a := Message("room", fmt.Sprint("m", i), "alice", `"another"`)
			a.Bounds = store.Bounds{Messages: messages}
			var conflict *store.ConflictError
			if _, err := s.Append(t.Context(), a); !errors.As(err, &conflict) {
				t.Errorf("another value under the id %s: %v", a.ID, err)
			}
		})
		wg.Go(func() { say(t, s, withBounds(Message("room", fmt.Sprint("n", i), "bob", `"new"`), messages+conflicts)) })
	}
	wg.Wait()
	seqs := make(map[int64]bool)
	for id, both := range receipts {
		if len(both) != 2 || both[0].Seq != both[1].Seq || both[0].Cursor != both[1].Cursor || both[0].Repeated == both[1].Repeated {
			t.Errorf("%s: %+v", id, both)
		}
		seqs[both[0].Seq] = true
	}
	if len(seqs) != messages {
		t.Errorf("%d numbers for %d messages", len(seqs), messages)
	}
	for i, r := range sink.Records(t, "room", messages+conflicts) {
		if r.Pos != int64(i)+1 {
			t.Fatalf("record %d has position %d", i, r.Pos)
		}
	}
}

func withBounds(a *store.Append, messages int) *store.Append {
	a.Bounds = store.Bounds{Messages: messages}
	return a
}
