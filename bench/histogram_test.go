package bench

import (
	"math"
	"testing"
	"time"
)

func TestHistogramQuantiles(t *testing.T) {
	var a, b histogram
	for i := int64(1); i <= 100_000; i++ {
		h := &a
		if i%2 == 0 {
			h = &b
		}
		h.record(i * int64(time.Microsecond))
	}
	a.add(&b)
	for q, want := range map[float64]time.Duration{0.5: 50 * time.Millisecond, 0.99: 99 * time.Millisecond, 1: 100 * time.Millisecond} {
		got := a.quantile(q)
		if off := math.Abs(float64(got-want)) / float64(want); off > 0.01 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if a.total != 100_000 || a.most != int64(100*time.Millisecond) {
		t.Errorf("total %d, most %d", a.total, a.most)
	}
}

func TestHistogramBuckets(t *testing.T) {
	for _, d := range []int64{0, 1, 127, 128, 255, 256, 257, 1e6, 1e9, math.MaxInt64} {
		bucket := bucketOf(d)
		if d > bucketEnd(bucket) || (bucket > 0 && d <= bucketEnd(bucket-1)) {
			t.Errorf("%d is in bucket %d, which ends with %d", d, bucket, bucketEnd(bucket))
		}
	}
	var h histogram
	h.record(-5)
	h.record(math.MaxInt64)
	if got := h.quantile(0.5); got != 0 {
		t.Errorf("a negative duration counts as %v", got)
	}
	if got := (&histogram{}).quantile(0.99); got != 0 {
		t.Errorf("nothing has the quantile %v", got)
	}
}
