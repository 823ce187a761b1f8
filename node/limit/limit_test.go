package limit_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chorus/node/limit"
)

// client keeps what a Connection answers.
type client struct {
	answers []string
	subject string
}

func (c *client) Answer(packet []byte)  { c.answers = append(c.answers, string(packet)) }
func (c *client) Subject(string) string { return c.subject }
func (c *client) MayWait()              {}

func connections(limits limit.Limits) (*limit.Connections, *limit.Stats) {
	stats := &limit.Stats{}
	subjects := limit.NewSubjects(limits.Subject, nil, "", slog.New(slog.DiscardHandler), stats)
	return limit.NewConnections(limits, subjects, stats), stats
}

func TestRefusedEventsAreAnswered(t *testing.T) {
	cases := []struct{ packet, answer string }{
		{`2["a"]`, ""},
		{`27["a"]`, `37[{"ok":false`},
		{`2/game,12["a"]`, `3/game,12[{"ok":false`},
		{`2/game?x=1,12["a"]`, `3/game,12[{"ok":false`},
		{`52-3["a",{"_placeholder":true,"num":0}]`, `33[{"ok":false`},
		{`2`, ""}, {`2/`, ""}, {`5`, ""}, {`5-`, ""}, {`2123456789012345678901["a"]`, ""},
	}
	for _, c := range cases {
		all, _ := connections(limit.Limits{Events: limit.Bucket{Rate: 0.001, Burst: 1}})
		to := &client{}
		conn := all.Connection(to)
		if ok, err := conn.Message([]byte(`2["first"]`), false); !ok || err != nil {
			t.Fatalf("the first event: %t, %v", ok, err)
		}
		if ok, err := conn.Message([]byte(c.packet), false); ok || err != nil {
			t.Errorf("%s: %t, %v", c.packet, ok, err)
		}
		if got := strings.Join(to.answers, ""); !strings.HasPrefix(got, c.answer) || c.answer == "" && got != "" {
			t.Errorf("%s is answered with %s", c.packet, got)
		}
		for _, packet := range []string{"0{}", "1", `31["ack"]`, ""} {
			if ok, _ := conn.Message([]byte(packet), false); !ok {
				t.Errorf("%q is no event, and is refused", packet)
			}
		}
	}
}

func TestAttachmentsGoWithTheirEvent(t *testing.T) {
	all, _ := connections(limit.Limits{Events: limit.Bucket{Rate: 0.001, Burst: 1}})
	conn := all.Connection(&client{})
	for i, step := range []struct {
		packet string
		binary bool
		taken  bool
	}{{`51-["a"]`, false, true}, {"x", true, true}, {`52-["b"]`, false, false}, {"x", true, false}, {"x", true, false}, {"x", true, true}} {
		if ok, _ := conn.Message([]byte(step.packet), step.binary); ok != step.taken {
			t.Errorf("step %d: %t", i, ok)
		}
	}
}

func TestAbuseEndsTheConnection(t *testing.T) {
	all, stats := connections(limit.Limits{Events: limit.Bucket{Rate: 1, Burst: 2}})
	conn := all.Connection(&client{})
	ends := 0
	for range 100 {
		if _, err := conn.Message([]byte(`2["a"]`), false); errors.Is(err, limit.ErrAbuse) {
			ends++
		}
	}
	if ends != 1 || stats.Disconnected.Load() != 1 {
		t.Errorf("it ends %d times, counted %d times", ends, stats.Disconnected.Load())
	}
}

func TestNoBurstAfterAbuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, _ := connections(limit.Limits{Events: limit.Bucket{Rate: 1, Burst: 20}})
		taken := func(subject string, count int) (n int) {
			conn := all.Connection(&client{subject: subject})
			for range count {
				if ok, _ := conn.Message([]byte(`2["a"]`), false); ok {
					n++
				}
			}
			return n
		}
		for _, step := range []struct {
			subject     string
			count, want int
		}{{"eve", 1000, 20}, {"eve", 10, 1}, {"bob", 1000, 20}, {"ada", 10, 10}} {
			if n := taken(step.subject, step.count); n != step.want {
				t.Errorf("%d of %s were taken, want %d", n, step.subject, step.want)
			}
		}
		time.Sleep(time.Minute)
		if n := taken("eve", 10); n != 10 {
			t.Errorf("after a minute %d were taken", n)
		}
	})
}

func TestLimitsChangeForOpenConnections(t *testing.T) {
	all, _ := connections(limit.Limits{Events: limit.Bucket{Rate: 0.001, Burst: 1}})
	conn := all.Connection(&client{})
	for range 3 {
		_, _ = conn.Message([]byte(`2["a"]`), false)
	}
	all.Set(limit.Limits{})
	for range 1000 {
		if ok, _ := conn.Message([]byte(`2["a"]`), false); !ok {
			t.Fatal("a limit that is off refuses")
		}
	}
}

func TestDelaysOfFailuresGrowAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := limit.NewFailures(limit.Bucket{Rate: 1.0 / 60, Burst: 2})
		var delays []time.Duration
		for range 9 {
			delays = append(delays, f.Failed("192.0.2.1:1"))
		}
		want := []time.Duration{0, 0, 250e6, 500e6, 1e9, 2e9, 4e9, 8e9, 8e9}
		for i := range want {
			if delays[i] != want[i] {
				t.Fatalf("the delays are %v", delays)
			}
		}
		if d := f.Failed("192.0.2.2:1"); d != 0 {
			t.Errorf("another address waits %s", d)
		}
		time.Sleep(2 * time.Minute)
		if d := f.Failed("192.0.2.1:1"); d != 0 {
			t.Errorf("after a pause it waits %s", d)
		}
	})
}

func TestSubjectsWithoutRedis(t *testing.T) {
	stats := &limit.Stats{}
	s := limit.NewSubjects(limit.Bucket{Rate: 1, Burst: 3}, nil, "", slog.New(slog.DiscardHandler), stats)
	taken := 0
	for range 10 {
		if _, over := s.Take(context.Background(), "eve", func() {}); !over {
			taken++
		}
	}
	if taken != 3 {
		t.Errorf("%d were taken", taken)
	}
	if _, over := s.Take(context.Background(), "bob", func() {}); over {
		t.Error("another user is refused")
	}
}
