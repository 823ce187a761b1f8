package redis

import (
	"chorus/adapter"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPushWaitsForRoom: while Redis answers, a caller that is faster than Redis waits. Nothing is dropped, the order is
// kept, and the queue keeps its bounds.
func TestPushWaitsForRoom(t *testing.T) {
	for _, test := range []struct {
		name               string
		maxPending, maxLen int
		size               int
	}{
		{"messages", 20, 1 << 20, 1},
		{"bytes", 1000, 400, 40},
		{"each larger than the bound", 1000, 10, 40},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox(t, test.maxPending, test.maxLen)
				b.fakeRedis.reply = func([]string) error {
					time.Sleep(time.Millisecond)
					b.mu.Lock()
					defer b.mu.Unlock()
					if n := len(b.queue) + len(b.sending); n > test.maxPending || b.bytes+b.flying > max(test.maxLen, test.size) {
						t.Errorf("%d messages of %d bytes wait", n, b.bytes+b.flying)
					}
					return nil
				}
				go b.run(t.Context()) // ends with close
				var want []string
				for i := range 2000 {
					payload := fmt.Sprintf("%0*d", test.size, i)
					want = append(want, payload)
					b.push(Publication{Payload: []byte(payload)})
				}
				if err := b.close(t.Context()); err != nil {
					t.Error(err)
				}
				if got := b.fakeRedis.accepted(); !slices.Equal(got, want) {
					t.Errorf("%d of %d messages were published, or in another order", len(got), len(want))
				}
				if n := b.stats.dropped.Load(); n != 0 {
					t.Errorf("%d messages were dropped", n)
				}
			})
		})
	}
}

// TestPushIsFair: between a caller that sends now and then and callers that send without a pause, each message that
// waits for room counts the same.
func TestPushIsFair(t *testing.T) {
	const maxPending, flooders = 10, 50
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, maxPending, 1<<20)
		b.fakeRedis.reply = func([]string) error { time.Sleep(time.Millisecond); return nil }
		go b.run(t.Context()) // ends with close
		var flood sync.WaitGroup
		end := make(chan struct{})
		for range flooders {
			flood.Go(func() {
				for {
					select {
					case <-end:
						return
					default:
						b.push(Publication{Payload: []byte("flood")})
					}
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		for i := range 20 {
			before := len(b.fakeRedis.accepted())
			var got outcomes
			honest := got.of(strconv.Itoa(i))
			honest.Done = func(_ string, err error) {
				if ahead := len(b.fakeRedis.accepted()) - before; err != nil || ahead > flooders+3*maxPending {
					t.Errorf("honest message %d: %v, behind %d messages", i, err, ahead)
				}
			}
			b.push(honest)
			time.Sleep(10 * time.Millisecond)
		}
		close(end)
		flood.Wait()
		if err := b.close(t.Context()); err != nil {
			t.Error(err)
		}
		if n := b.stats.dropped.Load(); n != 0 || b.stats.deferred.Load() != 0 {
			t.Errorf("%d messages were dropped, %d callers wait", n, b.stats.deferred.Load())
		}
	})
}

// TestHeldpublications: how a caller's wait for room ends other than with room.
func TestHeldPublications(t *testing.T) {
	for _, test := range []struct {
		name   string
		end    func(t *testing.T, b *box)
		asked  error // what the caller who asks learns
		silent bool  // whether the other message is published in the end
	}{
		{"Redis goes away", func(_ *testing.T, b *box) { b.set(false); b.set(true) }, adapter.ErrUnavailable, true},
		{"the publisher closes", func(*testing.T, *box) {}, nil, true},
		{"too long", func(*testing.T, *box) { time.Sleep(maxHold) }, adapter.ErrOverflow, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox(t, 2, 100)
				b.push(Publication{Payload: []byte("1")})
				b.push(Publication{Payload: []byte("2")})
				var got outcomes
				var pushing sync.WaitGroup
				pushing.Go(func() { b.push(got.of("asked")) })
				synctest.Wait()
				pushing.Go(func() { b.push(Publication{Payload: []byte("silent")}) })
				synctest.Wait()
				if n := b.stats.deferred.Load(); n != 2 {
					t.Fatalf("%d callers wait, want 2", n)
				}
				test.end(t, b)
				synctest.Wait()
				if err := runAndClose(t, b); err != nil {
					t.Error(err)
				}
				pushing.Wait()
				if len(got.got["asked"]) != 1 || !errors.Is(got.got["asked"][0], test.asked) {
					t.Errorf("the caller learns %v, want %v", got.got["asked"], test.asked)
				}
				if sent := b.fakeRedis.accepted(); slices.Contains(sent, "silent") != test.silent {
					t.Errorf("sent %q", sent)
				}
				if n := b.stats.deferred.Load(); n != 0 {
					t.Errorf("%d callers still wait", n)
				}
			})
		})
	}
}
