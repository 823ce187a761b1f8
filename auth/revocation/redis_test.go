package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chorus/auth/revocation"
	"chorus/auth/token"
	"chorus/internal/redistest"
	"chorus/internal/testlog"
)

// startRevocations returns the revocations of a node, until the test ends.
func startRevocations(t *testing.T, addr string, opts revocation.RedisOptions) (*revocation.Set, *revocation.Stats) {
	t.Helper()
	opts.Prefix = "t"
	store := revocation.NewRedis(redistest.Dial(t, addr), opts)
	r := revocation.New(revocation.Options{Store: store})
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r, store.Stats()
}

// readyRevocations returns the revocations of a node that has read Redis.
func readyRevocations(t *testing.T, addr string) *revocation.Set {
	t.Helper()
	r, _ := startRevocations(t, addr, revocation.RedisOptions{})
	await(t, "the revocations are read", func() bool { return r.Ready() == nil })
	return r
}

func TestRevocationIsHeard(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	a, b := readyRevocations(t, server.Addr), readyRevocations(t, server.Addr)
	now := time.Now()
	for _, test := range []struct {
		name    string
		what    revocation.Revocation
		revoked map[string]any
		fine    map[string]any
	}{
		{"by id", revocation.Revocation{TokenID: "id with spaces: 1"}, map[string]any{"jti": "id with spaces: 1"}, map[string]any{"jti": "2"}},
		{"by subject", revocation.Revocation{Subject: "älice\n", Until: revocation.Forever}, map[string]any{"sub": "älice\n"}, map[string]any{"sub": "alice"}},
		{"by date of issue", revocation.Revocation{Subject: "bob", IssuedBefore: now},
			map[string]any{"sub": "bob", "iat": now.Unix() - 1}, map[string]any{"sub": "bob", "iat": now.Unix() + 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			revoked, fine := claimsOf(t, test.revoked), claimsOf(t, test.fine)
			revoke(t, a, test.what)
			if !isRevoked(a, revoked) {
				t.Error("not revoked on the own node when Revoke returned")
			}
			await(t, "another node hears it", func() bool { return isRevoked(b, revoked) })
			late := readyRevocations(t, server.Addr)
			if !isRevoked(late, revoked) {
				t.Error("not loaded at the start of a node")
			}
			for _, node := range []*revocation.Set{a, b, late} {
				if isRevoked(node, fine) {
					t.Error("another token is revoked")
				}
			}
			if got, want := late.List()[0], a.List()[0]; got != want {
				t.Errorf("%+v on one node, %+v on another", got, want)
			}
			undo(t, b, test.what)
			for _, node := range []*revocation.Set{a, b, late} {
				await(t, "the undoing is heard", func() bool { return !isRevoked(node, revoked) })
			}
			if again := readyRevocations(t, server.Addr); isRevoked(again, revoked) {
				t.Error("an undone revocation is loaded")
			}
		})
	}
}

func TestRevocationTheLatestDateCounts(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	a, b := readyRevocations(t, server.Addr), readyRevocations(t, server.Addr)
	revoke(t, a, revocation.Revocation{Subject: "a", IssuedBefore: time.Unix(2000, 0)})
	revoke(t, b, revocation.Revocation{Subject: "a", IssuedBefore: time.Unix(1000, 0)})
	claims := claimsOf(t, map[string]any{"sub": "a", "iat": 1999})
	for _, node := range []*revocation.Set{a, b, readyRevocations(t, server.Addr)} {
		if !isRevoked(node, claims) {
			t.Error("an earlier date made the revocation weaker")
		}
	}
}

func TestRevocationOutlivesRedis(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	a, b := readyRevocations(t, server.Addr), readyRevocations(t, server.Addr)
	claims, undone := claimsOf(t, map[string]any{"sub": "a"}), claimsOf(t, map[string]any{"sub": "b"})
	revoke(t, a, revocation.Revocation{Subject: "a"})
	revoke(t, a, revocation.Revocation{Subject: "b"})
	undo(t, a, revocation.Revocation{Subject: "b"})
	await(t, "the other node hears it", func() bool { return isRevoked(b, claims) && revocation.Tombstones(b) == 2 && !isRevoked(b, undone) })

	server.Stop()
	if !isRevoked(a, claims) || !isRevoked(b, claims) {
		t.Error("forgotten while redis is away")
	}
	err := a.Revoke(t.Context(), revocation.Revocation{TokenID: "x"})
	if !errors.Is(err, revocation.ErrUnavailable) || isRevoked(a, claimsOf(t, map[string]any{"jti": "x"})) {
		t.Errorf("revoked without redis: %v", err)
	}

	server.Restart() // with nothing in it
	client := redistest.Dial(t, server.Addr)
	await(t, "redis has the revocations again", func() bool { return client.HLen(t.Context(), revocation.HashKey).Val() == 2 })
	for _, node := range []*revocation.Set{a, b, readyRevocations(t, server.Addr)} {
		if !isRevoked(node, claims) || isRevoked(node, undone) {
			t.Error("a node knows something else after redis came back empty")
		}
	}
	revoke(t, b, revocation.Revocation{TokenID: "x"})
	await(t, "the subscriptions are back", func() bool { return isRevoked(a, claimsOf(t, map[string]any{"jti": "x"})) })
}

func TestRevocationUndoneDuringAnOutage(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	here := readyRevocations(t, server.Addr)
	relay := redistest.StartRelay(t, server.Addr)
	there := readyRevocations(t, relay.Addr)
	banned, later := claimsOf(t, map[string]any{"sub": "a"}), claimsOf(t, map[string]any{"sub": "b"})
	revoke(t, here, revocation.Revocation{Subject: "a"})
	await(t, "the other node hears it", func() bool { return isRevoked(there, banned) })

	relay.Cut()
	undo(t, here, revocation.Revocation{Subject: "a"})
	revoke(t, here, revocation.Revocation{Subject: "b"})
	if !isRevoked(there, banned) || isRevoked(there, later) {
		t.Error("a node that is cut off heard something")
	}
	relay.Mend()
	await(t, "the node learns what it missed", func() bool { return !isRevoked(there, banned) && isRevoked(there, later) })
	if isRevoked(here, banned) || isRevoked(readyRevocations(t, server.Addr), banned) {
		t.Error("a node that missed the undoing brought the revocation back")
	}
}

func TestRevocationUndoneWithRedisEmpty(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	relay := redistest.StartRelay(t, server.Addr)
	there := readyRevocations(t, relay.Addr)
	banned := claimsOf(t, map[string]any{"sub": "a"})
	revoke(t, there, revocation.Revocation{Subject: "a"})
	relay.Cut()
	client := redistest.Dial(t, server.Addr)
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	undo(t, readyRevocations(t, server.Addr), revocation.Revocation{Subject: "a"}) // of what Redis does not know
	relay.Mend()
	await(t, "the undoing is heard", func() bool { return !isRevoked(there, banned) })
}

func TestRevocationEndsInRedis(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	a, b := readyRevocations(t, server.Addr), readyRevocations(t, server.Addr)
	claims := claimsOf(t, map[string]any{"jti": "short"})
	revoke(t, a, revocation.Revocation{TokenID: "short", Until: time.Now().Add(400 * time.Millisecond)})
	await(t, "another node hears it", func() bool { return isRevoked(b, claims) })
	await(t, "it ends", func() bool { return !isRevoked(a, claims) && !isRevoked(b, claims) })
	revoke(t, a, revocation.Revocation{TokenID: "next"})
	if fields := redistest.Dial(t, server.Addr).HKeys(t.Context(), revocation.HashKey).Val(); len(fields) != 1 {
		t.Errorf("redis keeps %q", fields)
	}
}

func TestManyRevocationsFewScans(t *testing.T) {
	const many = 10_000
	server := redistest.Start(t, redistest.Options{})
	a, b := readyRevocations(t, server.Addr), readyRevocations(t, server.Addr)
	last := claimsOf(t, map[string]any{"jti": fmt.Sprint(many - 1)})
	var scans atomic.Int64
	seen := make(chan struct{})
	var once sync.Once
	stop := b.Watch(func(affected func(*token.Claims) bool) {
		scans.Add(1)
		if affected(last) {
			once.Do(func() { close(seen) })
		}
	})
	defer stop()
	begin := time.Now()
	var wg sync.WaitGroup
	for worker := range 20 {
		wg.Go(func() {
			for i := worker; i < many; i += 20 {
				if err := a.Revoke(context.Background(), revocation.Revocation{TokenID: fmt.Sprint(i)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	await(t, "all are heard", func() bool { return b.Len() == many })
	select {
	case <-seen:
	case <-time.After(10 * time.Second):
		t.Fatal("the watcher did not see the last one")
	}
	// One for each 50 ms, and one that does not wait.
	if n, most := scans.Load(), int64(time.Since(begin)/(50*time.Millisecond))+2; n > most {
		t.Errorf("%d scans in %s", n, time.Since(begin))
	}
	if fresh := readyRevocations(t, server.Addr); fresh.Len() != many { // several pages
		t.Errorf("%d loaded", fresh.Len())
	}
	if err := redistest.Dial(t, server.Addr).Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub").Err(); err != nil {
		t.Fatal(err)
	}
	if err := redistest.Dial(t, server.Addr).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	await(t, "all are written back", func() bool {
		return redistest.Dial(t, server.Addr).HLen(t.Context(), revocation.HashKey).Val() == many
	})
}

func TestHostileRevocations(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	client := redistest.Dial(t, server.Addr)
	var logged testlog.Buffer
	node, stats := startRevocations(t, server.Addr, revocation.RedisOptions{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	await(t, "the revocations are read", func() bool { return node.Ready() == nil })
	later := time.Now().Add(time.Hour).UnixMilli()
	texts := []string{
		"", " ", "r", "secret", "null", `{"sub":"secret"}`, strings.Repeat("x", 1<<20),
		fmt.Sprintf("r 1 %d 0", later),
		fmt.Sprintf("r 1 %d 0 secret", later),
		fmt.Sprintf("r 1 %d 0 sub:", later),
		fmt.Sprintf("x 1 %d 0 sub:secret", later),
		fmt.Sprintf("r -1 %d 0 sub:secret", later),
		fmt.Sprintf("r 01 %d 0 sub:secret", later),
		fmt.Sprintf("r 9000000000000000 %d 0 sub:secret", later),
		"r 1 99999999999999999999 0 sub:secret", "r 1 253402300799001 0 sub:secret",
		fmt.Sprintf("r 1 %d 9999999999999999 before:secret", later),
		fmt.Sprintf("r 1 %d 0 sub:%s", later, strings.Repeat("x", 1025)),
		fmt.Sprintf("r 1  %d 0 sub:secret", later),
	}
	for _, text := range texts {
		if err := client.Publish(t.Context(), revocation.Channel, text).Err(); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "all are counted", func() bool { return stats.Malformed.Load() == uint64(len(texts)) })
	if node.Len() != 0 {
		t.Errorf("taken in: %+v", node.List())
	}
	if n := strings.Count(logged.String(), "malformed"); n != 1 || strings.Contains(logged.String(), "secret") {
		t.Errorf("logged: %s", logged.String())
	}

	// The same as fields: they are passed over, and what is said later takes their place.
	for i, text := range texts {
		if err := client.HSet(t.Context(), revocation.HashKey, "sub:"+fmt.Sprint(i), text).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range texts {
		revoke(t, node, revocation.Revocation{Subject: fmt.Sprint(i)})
	}
	if fresh := readyRevocations(t, server.Addr); fresh.Len() != len(texts) {
		t.Errorf("%d are loaded", fresh.Len())
	}
	if err := client.Del(t.Context(), revocation.HashKey).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Set(t.Context(), revocation.HashKey, "something else", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := node.Revoke(t.Context(), revocation.Revocation{Subject: "a"}); !errors.Is(err, revocation.ErrUnavailable) {
		t.Errorf("the error is %v", err)
	}
}

func TestRevocationsNotReady(t *testing.T) {
	r, _ := startRevocations(t, redistest.FreeAddr(t), revocation.RedisOptions{})
	if err := r.Ready(); !errors.Is(err, revocation.ErrUnavailable) {
		t.Errorf("ready without redis: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Wait(ctx); !errors.Is(err, revocation.ErrUnavailable) {
		t.Errorf("waited for nothing: %v", err)
	}
	if err := r.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func FuzzRevocationMessage(f *testing.F) {
	f.Add("r 1760000000000000 1762592000000 0 id:0b5e")
	f.Add("u 1 2 0 sub:a b")
	f.Add("r 1 2 3 before:")
	f.Fuzz(func(t *testing.T, text string) {
		if again, err := revocation.ParseMessage(text); err == nil && again != text {
			t.Errorf("%q is read as %q", text, again)
		}
	})
}
