package auth

import (
	"math/rand/v2"
	"testing"
	"time"

	"chorus/internal/redistest"

	"github.com/redis/go-redis/v9"
)

// TestRevocationScriptsAgreeWithGo compares what the scripts in Redis and the code in Go make of pairs of
// entries. The entries are random and close to one another, so that every rule decides some of the pairs.
func TestRevocationScriptsAgreeWithGo(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.Options{}).Addr})
	defer client.Close()
	const (
		hash  = "{t}:revocations"
		field = "sub:ada"
	)
	keys := []string{hash, "{t}:revocations:until"}
	now := time.Now().Add(-time.Minute) // the earlier one of this and the time of Redis counts
	random := rand.New(rand.NewPCG(1, 2))
	entry := func() revocationEntry {
		e := revocationEntry{
			at:     now.Add(time.Hour).UnixMicro() + random.Int64N(2), // ahead of Redis: it then counts up
			until:  now.UnixMilli() + random.Int64N(3) - 1,            // one of three has ended
			undone: random.IntN(3) == 0,
		}
		if random.IntN(2) == 0 {
			e.until = Forever.UnixMilli() - random.Int64N(2)
		}
		if !e.undone {
			e.before = random.Int64N(2) * (Forever.UnixMilli() + random.Int64N(2))
		}
		return e
	}
	store := func(e revocationEntry) {
		t.Helper()
		if err := client.Del(t.Context(), keys[1]).Err(); err != nil { // nothing ends by itself
			t.Fatal(err)
		}
		if err := client.HSet(t.Context(), hash, field, e.String()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2000 {
		stored, other := entry(), entry()

		store(stored)
		want := stored
		if other.newer(stored) {
			want = other
		}
		if err := mergeScript.Run(t.Context(), client, keys, "t", now.UnixMilli(), field, other.String()).Err(); err != nil {
			t.Fatal(err)
		}
		if got := client.HGet(t.Context(), hash, field).Val(); got != want.String() {
			t.Fatalf("merged %q with %q: the script has %q, Go %q", stored, other, got, want)
		}

		store(stored)
		state := "r"
		if other.undone {
			state = "u"
		}
		got, err := sayScript.Run(t.Context(), client, keys, "t", now.UnixMilli(), field, state, other.until, other.before, "").Text()
		if err != nil {
			t.Fatal(err)
		}
		if want := other.over(stored, now); got != want.String() {
			t.Fatalf("said %q over %q: the script has %q, Go %q", other, stored, got, want)
		}
	}
}
