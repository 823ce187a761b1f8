package revocation

import (
	"math/rand/v2"
	"testing"
	"time"

	"chorus/internal/redistest"

	"github.com/redis/go-redis/v9"
)

// TestRulesOnRedis puts and writes back random entries, close to one another so that every rule decides some pairs, and
// compares what Redis then has with the rules of Entry.
func TestRulesOnRedis(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.Options{}).Addr})
	defer client.Close()
	s := NewRedis(client, RedisOptions{Prefix: "t"})
	key := Key{kindSub, "ada"}
	now := time.Now().Add(time.Hour) // ahead of Redis: the time of an entry then counts up
	random := rand.New(rand.NewPCG(1, 2))
	entry := func() Entry {
		e := Entry{at: now.UnixMicro() + random.Int64N(2), until: now.UnixMilli() + random.Int64N(3), undone: random.IntN(3) == 0}
		if random.IntN(2) == 0 {
			e.until = Forever.UnixMilli() - random.Int64N(2)
		}
		if !e.undone {
			e.before = random.Int64N(2) * (Forever.UnixMilli() + random.Int64N(2))
		}
		return e
	}
	get := func() string { return client.HGet(t.Context(), s.keys[0], key.String()).Val() }
	for range 1000 {
		stored, other := entry(), entry()
		s.table = &Table{} // this node knows nothing
		if err := client.HSet(t.Context(), s.keys[0], key.String(), stored.String()).Err(); err != nil {
			t.Fatal(err)
		}
		want := stored
		if other.Newer(stored) {
			want = other
		}
		if err := s.writeBack(t.Context(), map[Key]Entry{key: other}, nil); err != nil {
			t.Fatal(err)
		}
		if got := get(); got != want.String() {
			t.Fatalf("wrote back %q over %q: Redis has %q, want %q", other, stored, got, want)
		}
		if err := s.Put(t.Context(), key, other); err != nil {
			t.Fatal(err)
		}
		if over := other.Over(want, time.Now(), time.Now()); get() != over.String() || s.table.Get(key) != over {
			t.Fatalf("put %q over %q: Redis has %q, this node %q, want %q", other, want, get(), s.table.Get(key), over)
		}
	}
}

// TestPutAtTheSameTime has nodes revoke the same subject with other dates: the latest date stays, whoever is last.
func TestPutAtTheSameTime(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.Options{}).Addr})
	defer client.Close()
	const nodes = 8
	done := make(chan error, nodes)
	for i := range nodes {
		s := NewRedis(client, RedisOptions{Prefix: "t"})
		s.table = &Table{}
		go func() { // ends with Put
			done <- s.Put(t.Context(), Key{kindBefore, "ada"}, Entry{until: Forever.UnixMilli(), before: int64(1000 + i)})
		}()
	}
	for range nodes {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	last, err := ParseEntry(client.HGet(t.Context(), "{t-auth}:revocations", "before:ada").Val())
	if err != nil || last.before != 1000+nodes-1 {
		t.Errorf("Redis has %q, %v", last, err)
	}
}
