package redis

import (
	"chorus/adapter"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
)

// fakeRedis stands in for the connection to Redis: it sees each round trip of an publisher and decides how
// it ends.
type fakeRedis struct {
	reply func(batch []string) error // nil: Redis accepts everything
	fail  func(payload string) error // of single ones; nil: none

	mu   sync.Mutex
	sent []string // payloads that were accepted, in order
	most int      // the largest batch
}

func (w *fakeRedis) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (w *fakeRedis) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (w *fakeRedis) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, commands []redis.Cmder) error {
		batch := make([]string, len(commands))
		for i, c := range commands {
			batch[i] = string(c.Args()[2].([]byte))
		}
		if w.reply != nil {
			if err := w.reply(batch); err != nil {
				for _, c := range commands {
					c.SetErr(err)
				}
				return err
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.most = max(w.most, len(batch))
		var first error
		for i, payload := range batch {
			if w.fail != nil {
				if err := w.fail(payload); err != nil {
					commands[i].SetErr(err)
					first = cmp.Or(first, err)
					continue
				}
			}
			w.sent = append(w.sent, payload)
		}
		return first
	}
}

func (w *fakeRedis) accepted() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent)
}

// errDial is how go-redis says that there is no connection.
var errDial = &net.OpError{Op: "dial", Err: errors.New("connection refused")}

// box is an publisher with its fakeRedis; up is what the subscriber would say.
type box struct {
	*publisher
	fakeRedis *fakeRedis
	up        atomic.Bool
}

func newBox(t *testing.T, maxPending, maxBytes int) *box {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}) // a name would be looked up outside of the bubble
	t.Cleanup(func() { _ = client.Close() })
	b := &box{fakeRedis: &fakeRedis{}}
	client.AddHook(b.fakeRedis)
	b.publisher = newPublisher(client, b.up.Load, maxPending, maxBytes, &counters{}, slog.New(slog.DiscardHandler))
	b.set(true)
	return b
}

func (b *box) set(up bool) {
	b.up.Store(up)
	b.refresh()
}

// outcomes gathers what the done functions are told.
type outcomes struct {
	mu  sync.Mutex
	got map[string][]error
}

func (o *outcomes) of(payload string) Publication {
	return Publication{Channel: "c", Payload: []byte(payload), Done: func(_ string, err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.got == nil {
			o.got = make(map[string][]error)
		}
		o.got[payload] = append(o.got[payload], err)
	}}
}

// want fails unless the publication was settled exactly once, with this error.
func (o *outcomes) want(t *testing.T, payload string, want error) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if got := o.got[payload]; len(got) != 1 || !errors.Is(got[0], want) {
		t.Errorf("publication %q ended with %v, want [%v]", payload, got, want)
	}
}

// pending fails unless this many publications and bytes wait.
func (b *box) pending(t *testing.T, messages, size int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) != messages || b.bytes != size || b.stats.pending.Load() != int64(messages) {
		t.Errorf("%d messages of %d bytes wait, the counter says %d; want %d of %d",
			len(b.queue), b.bytes, b.stats.pending.Load(), messages, size)
	}
}

// TestPublisherBounds: while Redis is away the oldest publications make room.
func TestPublisherBounds(t *testing.T) {
	for _, test := range []struct {
		name               string
		maxPending, maxLen int
		push               []string
		dropped            []string
		left               int
		bytes              int
	}{
		{"within both", 3, 9, []string{"aaa", "bbb", "ccc"}, nil, 3, 9},
		{"too many", 2, 100, []string{"a", "b", "c", "d"}, []string{"a", "b"}, 2, 2},
		{"too large together", 100, 5, []string{"aa", "bb", "cc"}, []string{"aa"}, 2, 4},
		{"one makes several go", 100, 5, []string{"a", "b", "c", "dddd"}, []string{"a", "b"}, 2, 5},
		{"one is too large by itself", 100, 5, []string{"a", "bbbbbb"}, []string{"a", "bbbbbb"}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox(t, test.maxPending, test.maxLen)
				b.set(false)
				var want []string
				for _, payload := range test.push {
					b.push(Publication{Payload: []byte(payload)})
					if !slices.Contains(test.dropped, payload) {
						want = append(want, payload)
					}
				}
				b.pending(t, test.left, test.bytes)
				if n := b.stats.dropped.Load(); n != uint64(len(test.dropped)) {
					t.Errorf("%d are counted as dropped, want %d", n, len(test.dropped))
				}
				b.set(true)
				if err := runAndClose(t, b); err != nil {
					t.Error(err)
				}
				if got := b.fakeRedis.accepted(); !slices.Equal(got, want) {
					t.Errorf("sent %q, want %q", got, want)
				}
				b.pending(t, 0, 0)
			})
		})
	}
}

// runAndClose runs the publisher until everything is published.
func runAndClose(t *testing.T, b *box) error {
	t.Helper()
	go b.run(t.Context()) // ends with close
	return b.close(t.Context())
}

func TestPublisherKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, 1000, 1<<20)
		var got outcomes
		var want []string
		for i := range 1000 {
			payload := strconv.Itoa(i)
			want = append(want, payload)
			b.push(got.of(payload))
		}
		if err := runAndClose(t, b); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(b.fakeRedis.accepted(), want) {
			t.Error("the order is not kept")
		}
		if b.fakeRedis.most > maxBatch {
			t.Errorf("a batch had %d messages", b.fakeRedis.most)
		}
		for _, payload := range want {
			got.want(t, payload, nil)
		}
		if n := b.stats.published.Load(); n != 1000 {
			t.Errorf("%d are counted as published", n)
		}
	})
}

func TestPublisherWhileRedisIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, 10, 100)
		go b.run(t.Context()) // ends with close
		var got outcomes

		b.fakeRedis.reply = func([]string) error { t.Error("something was sent"); return errDial }
		b.set(false)
		b.push(got.of("asked"))
		got.want(t, "asked", adapter.ErrUnavailable) // at once
		b.push(Publication{Payload: []byte("a")})
		b.push(Publication{Payload: []byte("b")})
		synctest.Wait()
		b.pending(t, 2, 2)

		b.fakeRedis.reply = nil
		b.set(true)
		synctest.Wait()
		if sent := b.fakeRedis.accepted(); !slices.Equal(sent, []string{"a", "b"}) {
			t.Errorf("%q was sent", sent)
		}
		b.push(got.of("asked again"))
		synctest.Wait()
		got.want(t, "asked again", nil)
		if err := b.close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestPublisherLosesRedis: those who asked learn it at once, the others wait in order.
func TestPublisherLosesRedis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, 10, 100)
		var got outcomes
		b.push(Publication{Payload: []byte("a")})
		b.push(got.of("asked"))
		b.push(Publication{Payload: []byte("b")})
		b.set(false)
		got.want(t, "asked", adapter.ErrUnavailable)
		b.pending(t, 2, 2)
		b.set(true)
		if err := runAndClose(t, b); err != nil {
			t.Error(err)
		}
		if sent := b.fakeRedis.accepted(); !slices.Equal(sent, []string{"a", "b"}) {
			t.Errorf("%q was sent", sent)
		}
		got.want(t, "asked", adapter.ErrUnavailable)
	})
}

// TestPublisherAwaitsTheOthers: after the loss of a connection what has waited gives the other servers time to come back.
func TestPublisherAwaitsTheOthers(t *testing.T) {
	for _, test := range []struct {
		name            string
		lost, waiting   bool
		regather, pause time.Duration
	}{
		{"an outage with something that waits", true, true, regather, regather},
		{"nothing waits", true, false, regather, 0},
		{"a new subscription", false, true, regather, 0},
		{"streams", true, true, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox(t, 10, 100)
				b.regather = test.regather
				go b.run(t.Context()) // ends with close
				b.set(false)
				if test.lost {
					b.outage()
				}
				if test.waiting {
					b.push(Publication{Payload: []byte("waits")})
				}
				b.set(true)
				var got outcomes
				if test.pause > 0 {
					time.Sleep(test.pause - time.Nanosecond)
					synctest.Wait()
					if b.push(got.of("asked")); !b.waits() || len(b.fakeRedis.accepted()) > 0 {
						t.Errorf("%q is sent before the others are back", b.fakeRedis.accepted())
					}
					got.want(t, "asked", adapter.ErrUnavailable)
					time.Sleep(time.Nanosecond)
				}
				synctest.Wait()
				if sent := b.fakeRedis.accepted(); b.waits() || slices.Contains(sent, "waits") != test.waiting {
					t.Errorf("%q is sent", sent)
				}
				b.push(got.of("then"))
				synctest.Wait()
				got.want(t, "then", nil)
				if err := b.close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestPublisherFailures: only what certainly did not reach Redis is sent again, and only when nobody
// was told otherwise.
func TestPublisherFailures(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want []string // what Redis gets in the end
	}{
		{"no connection", errDial, []string{"silent", "last"}},
		{"no connection, wrapped", fmt.Errorf("pool: %w", errDial), []string{"silent", "last"}},
		{"the answer is lost", io.EOF, []string{"last"}},
		{"reading times out", &net.OpError{Op: "read", Err: errors.New("timeout")}, []string{"last"}},
		{"Redis refuses", errors.New("NOPERM"), []string{"last"}},
		{"a master that is none any more", errors.New("READONLY You can't write against a read only replica"), []string{"silent", "last"}},
		{"a Redis Cluster without a master", errors.New("CLUSTERDOWN The cluster is down"), []string{"silent", "last"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox(t, 10, 100)
				failed := false
				b.fakeRedis.reply = func([]string) error {
					if failed {
						return nil
					}
					failed = true
					return test.err
				}
				var got outcomes
				b.push(got.of("asked"))
				b.push(Publication{Payload: []byte("silent")})
				go b.run(t.Context()) // ends with close
				synctest.Wait()
				got.want(t, "asked", adapter.ErrUnavailable)
				b.push(got.of("last"))
				time.Sleep(2 * redisconn.MaxBackoff)
				got.want(t, "last", nil)
				if sent := b.fakeRedis.accepted(); !slices.Equal(sent, test.want) {
					t.Errorf("%q was sent, want %q", sent, test.want)
				}
				if err := b.close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestPublisherFailuresAreApart: on a Redis Cluster a batch goes to several servers, and one of them may be away.
func TestPublisherFailuresAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, 10, 100)
		b.fakeRedis.fail = func(payload string) error {
			return map[string]error{"away": errDial, "unanswered": io.EOF}[payload]
		}
		for _, payload := range []string{"away", "unanswered", "accepted"} {
			b.push(Publication{Payload: []byte(payload)})
		}
		if err := b.send(t.Context(), b.take()); err == nil {
			t.Fatal("the batch was sent")
		}
		b.pending(t, 1, len("away"))
		if got := b.stats.publishErrors.Load(); got != 1 || b.stats.published.Load() != 1 {
			t.Errorf("%d failures and %d successes are counted, want one each", got, b.stats.published.Load())
		}
		b.fakeRedis.fail = nil
		if err := runAndClose(t, b); err != nil {
			t.Error(err)
		}
		if got := b.fakeRedis.accepted(); !slices.Equal(got, []string{"accepted", "away"}) {
			t.Errorf("sent %q: what may have arrived must not arrive twice", got)
		}
	})
}

// TestPublisherPutBackKeepsBounds: an unsent batch comes back while the queue has filled up behind it;
// the oldest, which are those that come back, must go.
func TestPublisherPutBackKeepsBounds(t *testing.T) {
	for _, test := range []struct {
		name               string
		maxPending, maxLen int
		want               []string
		dropped            uint64
	}{
		{"messages", 3, 100, []string{"b2", "c1", "c2"}, 1},
		{"bytes", 100, 5, []string{"c1", "c2"}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox(t, test.maxPending, test.maxLen)
				for _, payload := range []string{"b1", "b2"} {
					b.push(Publication{Payload: []byte(payload)})
				}
				first := true
				b.fakeRedis.reply = func([]string) error {
					if !first {
						return nil
					}
					first = false
					b.set(false) // or the pushes would wait for room
					defer b.set(true)
					for _, payload := range []string{"c1", "c2"} { // pushed while the batch is in flight
						b.push(Publication{Payload: []byte(payload)})
					}
					return errDial
				}
				if err := b.send(t.Context(), b.take()); err == nil {
					t.Fatal("the batch was sent")
				}
				b.pending(t, len(test.want), 2*len(test.want))
				if got := b.stats.dropped.Load(); got != test.dropped {
					t.Errorf("%d are counted as dropped, want %d", got, test.dropped)
				}
				if err := runAndClose(t, b); err != nil {
					t.Error(err)
				}
				if got := b.fakeRedis.accepted(); !slices.Equal(got, test.want) {
					t.Errorf("sent %q, want %q", got, test.want)
				}
			})
		})
	}
}

func TestPublisherClose(t *testing.T) {
	t.Run("publishes what waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBox(t, 1000, 1<<20)
			b.fakeRedis.reply = func([]string) error { time.Sleep(time.Second); return nil }
			var got outcomes
			for i := range 2 * maxBatch {
				b.push(got.of(strconv.Itoa(i)))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			go b.run(t.Context()) // ends with close
			if err := b.close(ctx); err != nil {
				t.Error(err)
			}
			for i := range 2 * maxBatch {
				got.want(t, strconv.Itoa(i), nil)
			}
			b.push(got.of("late"))
			got.want(t, "late", adapter.ErrClosed)
			b.push(Publication{Payload: []byte("late and silent")})
			b.pending(t, 0, 0)
			if err := b.close(ctx); err != nil {
				t.Errorf("the second close: %v", err)
			}
		})
	})
	t.Run("gives up with its context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBox(t, 1000, 1<<20)
			b.fakeRedis.reply = func([]string) error { time.Sleep(time.Minute); return nil }
			var got outcomes
			b.push(got.of("in flight"))
			running, stop := context.WithCancel(t.Context())
			go b.run(running) // ends with stop
			synctest.Wait()
			b.push(got.of("waits"))
			b.push(Publication{Payload: []byte("waits and is silent")})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := b.close(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("close returns %v", err)
			}
			got.want(t, "waits", adapter.ErrClosed)
			if n := b.stats.dropped.Load(); n != 2 {
				t.Errorf("%d are counted as dropped, want 2", n)
			}
			b.pending(t, 0, 0)
			stop()
			<-b.stopped
			got.want(t, "in flight", nil)
		})
	})
	t.Run("does not wait for a Redis that is away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBox(t, 1000, 1<<20)
			b.set(false)
			b.push(Publication{Payload: []byte("waits")})
			start := time.Now()
			if err := runAndClose(t, b); err != nil {
				t.Error(err)
			}
			if waited := time.Since(start); waited != 0 { // in the bubble's time
				t.Errorf("it waited for %v", waited)
			}
			if n := b.stats.dropped.Load(); n != 1 {
				t.Errorf("%d are counted as dropped, want 1", n)
			}
			b.pending(t, 0, 0)
		})
	})
	t.Run("keeps nothing that comes back afterwards", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBox(t, 1000, 1<<20)
			b.fakeRedis.reply = func([]string) error { time.Sleep(time.Minute); return errDial }
			b.push(Publication{Payload: []byte("in flight")})
			running, stop := context.WithCancel(t.Context())
			go b.run(running) // ends with stop
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := b.close(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("close returns %v", err)
			}
			stop()
			<-b.stopped
			b.pending(t, 0, 0)
			if n := b.stats.dropped.Load(); n != 1 {
				t.Errorf("%d are counted as dropped, want 1", n)
			}
		})
	})
}

// TestPublisherSettlesOnce pushes from many goroutines while Redis comes and goes, round trips fail
// and at last the publisher closes: everybody who asked is told exactly once, the counters add up, and
// what one goroutine pushed arrives in its order.
func TestPublisherSettlesOnce(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 400
	b := newBox(t, 50, 400)
	var round atomic.Uint64
	b.fakeRedis.reply = func([]string) error {
		switch n := round.Add(1); {
		case n%7 == 0:
			return errDial
		case n%11 == 0:
			return io.EOF
		default:
			return nil
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go b.run(ctx) // ends with close

	var told [workers][each]atomic.Int32
	var results [5]atomic.Uint64
	sentinels := []error{adapter.ErrUnavailable, adapter.ErrOverflow, adapter.ErrClosed}
	var pushing, weather sync.WaitGroup
	for w := range workers {
		pushing.Go(func() {
			for i := range each {
				p := Publication{Channel: "c", Payload: fmt.Appendf(nil, "%d:%d", w, i)}
				if i%3 != 0 {
					p.Done = func(_ string, err error) {
						told[w][i].Add(1)
						switch at := slices.IndexFunc(sentinels, func(s error) bool { return errors.Is(err, s) }); {
						case err == nil:
							results[3].Add(1)
						case at >= 0:
							results[at].Add(1)
						default:
							results[4].Add(1)
						}
					}
				}
				b.push(p)
			}
		})
	}
	stopWeather := make(chan struct{})
	weather.Go(func() {
		for {
			select {
			case <-stopWeather:
				b.set(true)
				return
			default:
				b.set(rand.IntN(4) > 0)
			}
		}
	})
	pushing.Go(func() { // closes while the others push
		for round.Load() < 40 {
			time.Sleep(time.Millisecond) // the rounds have back-off in them
		}
		soon, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_ = b.close(soon)
	})
	// Keep rounds coming even when the workers are done early.
	extra := make(chan struct{})
	go func() {
		defer close(extra)
		for round.Load() < 40 {
			b.push(Publication{Channel: "c", Payload: []byte("x:0")})
			time.Sleep(time.Millisecond)
		}
	}()
	pushing.Wait()
	<-extra
	close(stopWeather)
	weather.Wait()
	<-b.stopped

	for w := range workers {
		for i := range each {
			if n := told[w][i].Load(); n != 1 && i%3 != 0 {
				t.Fatalf("publication %d:%d was told %d times", w, i, n)
			}
		}
	}
	if n := results[4].Load(); n != 0 {
		t.Errorf("%d ended with an error that has no meaning", n)
	}
	b.pending(t, 0, 0)
	last := make(map[string]int)
	for _, payload := range b.fakeRedis.accepted() {
		var who string
		var i int
		if _, err := fmt.Sscanf(payload[:1]+" "+payload[2:], "%s %d", &who, &i); err != nil {
			t.Fatal(err)
		}
		if before, seen := last[who]; seen && who != "x" && i <= before {
			t.Fatalf("%s:%d arrived after %s:%d", who, i, who, before)
		}
		last[who] = i
	}
}
