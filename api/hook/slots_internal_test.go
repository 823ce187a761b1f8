package hook

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlotsAreSharedFairly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(16)
		for range 2 {
			if !s.take(t.Context(), "greedy", time.Second) {
				t.Fatal("an eighth is there")
			}
		}
		got := make(chan bool, 1)
		go func() { got <- s.take(context.Background(), "greedy", time.Second) }()
		synctest.Wait()
		if !s.take(t.Context(), "other", 0) {
			t.Error("another user waits behind one who has the share")
		}
		s.give("greedy")
		if !<-got {
			t.Error("the third one gets what is given back")
		}
		start := time.Now()
		if s.take(t.Context(), "greedy", time.Second) || time.Since(start) != time.Second {
			t.Errorf("after %s", time.Since(start))
		}
		for range 2 {
			s.give("greedy")
		}
		s.give("other")
		if underWay, waiting := s.counts(); underWay != 0 || waiting != 0 || len(s.held) != 0 {
			t.Errorf("%d under way, %d wait, %v", underWay, waiting, s.held)
		}
	})
}

func TestWhoseContextEndsDoesNotWait(t *testing.T) {
	t.Parallel()
	s := newSlots(1)
	s.take(t.Context(), "a", 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s.take(ctx, "b", time.Hour) {
		t.Error("there is no slot")
	}
}
