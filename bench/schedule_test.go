package bench

import (
	"testing"
	"time"
)

func TestScheduleKeepsItsRate(t *testing.T) {
	for _, rate := range []float64{0.5, 1, 3, 1000, 12_345.6, 1e6} {
		s := schedule{start: 7, rate: rate}
		if got := s.at(0); got != 7 {
			t.Errorf("rate %v: the first message is due at %d", rate, got)
		}
		hour := uint64(rate * 3600)
		want := 7 + float64(hour)/rate*float64(time.Second)
		if off := float64(s.at(hour)) - want; off > 1000 || off < -1000 {
			t.Errorf("rate %v: after an hour it is %v ns off", rate, off)
		}
	}
}
