package wheel

import (
	"math/rand/v2"
	"testing"
	"time"
)

// testWheel is a wheel whose time the test makes pass.
func testWheel(slots int) *Wheel[int] {
	w := New(time.Second, time.Second, func(int) {})
	w.tick = time.Hour // far from the time that passes: a timer's tick is what d says
	w.slots = make([]Timer[int], slots)
	for i := range w.slots {
		w.slots[i].prev, w.slots[i].next = &w.slots[i], &w.slots[i]
	}
	return w
}

// due returns what fires up to a tick.
func due(w *Wheel[int], to int64) (fired []*Timer[int]) {
	for {
		timers, more := w.collect(to)
		fired = append(fired, timers...)
		if !more {
			return fired
		}
	}
}

func TestTimersFireOnceAndNeverEarly(t *testing.T) {
	w := testWheel(64)
	timers := make([]Timer[int], 5000)
	at := make(map[*Timer[int]]int64)
	random := rand.New(rand.NewPCG(5, 6))
	for i := range timers {
		d := random.Int64N(60)
		w.Set(&timers[i], time.Duration(d)*w.tick)
		at[&timers[i]] = d + 1 // the tick behind the one in which it is due
	}
	for tick := int64(1); tick <= 200; tick++ {
		for _, timer := range due(w, tick) {
			if at[timer] != tick {
				t.Fatalf("a timer of tick %d fires at %d", at[timer], tick)
			}
			delete(at, timer)
		}
	}
	if len(at) != 0 {
		t.Errorf("%d timers never fire", len(at))
	}
}

// One that is further away than the ring is long is looked at before its time: onTimer sets it
// again.
func TestTimerFurtherAwayThanTheRing(t *testing.T) {
	w := testWheel(8)
	var far Timer[int]
	w.Set(&far, 100*w.tick)
	if got := due(w, 6); len(got) != 0 {
		t.Fatal("it is looked at in the first slots")
	}
	if got := due(w, 8); len(got) != 1 {
		t.Fatal("it is not looked at within the ring's length")
	}
	w.Set(&far, 3*w.tick) // in the past by the time of the wheel
	if got := due(w, w.now+1); len(got) != 1 {
		t.Error("a timer in the past does not fire with the next tick")
	}
}

func TestTimersAreRemovedAndSetAgain(t *testing.T) {
	w := testWheel(64)
	var a, b, c Timer[int]
	w.Remove(&a) // it is not set
	w.Set(&a, 5*w.tick)
	w.Set(&b, 5*w.tick)
	w.Set(&c, 5*w.tick)
	w.Remove(&b)
	w.Remove(&b)
	w.Set(&c, 10*w.tick)
	if got := due(w, 6); len(got) != 1 || got[0] != &a {
		t.Errorf("%d timers fire, want a", len(got))
	}
	if got := due(w, 50); len(got) != 1 || got[0] != &c {
		t.Errorf("%d timers fire, want c", len(got))
	}
}

func TestWheelIsPreciseAndBounded(t *testing.T) {
	for _, c := range []struct {
		shortest, longest, tick time.Duration
		slots                   int
	}{
		{20 * time.Second, 45 * time.Second, 200 * time.Millisecond, 227},
		{200 * time.Millisecond, 5 * time.Second, 10 * time.Millisecond, 502},
		{time.Millisecond, 24 * time.Hour, time.Millisecond, 1 << 16},
	} {
		w := New(c.shortest, c.longest, func(int) {})
		if w.tick != c.tick || len(w.slots) != c.slots {
			t.Errorf("for %s to %s the tick is %s and the ring has %d slots", c.shortest, c.longest, w.tick, len(w.slots))
		}
	}
}
