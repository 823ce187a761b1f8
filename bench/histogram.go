package bench

import (
	"math/bits"
	"time"
)

// A histogram counts durations in buckets that grow with them, as HDR histograms do: below
// 2*subBuckets nanoseconds each value has its own, above that a bucket is at most 1/subBuckets
// (0.8 %) wide. Recording costs a few nanoseconds and allocates nothing.
type histogram struct {
	counts [(64 - subBits) * subBuckets]uint64
	total  uint64
	most   int64 // nanoseconds
}

const (
	subBits    = 7
	subBuckets = 1 << subBits
)

func (h *histogram) record(d int64) {
	d = max(d, 0)
	h.counts[bucketOf(d)]++
	h.total++
	h.most = max(h.most, d)
}

func bucketOf(d int64) int {
	shift := max(bits.Len64(uint64(d))-subBits-1, 0) //nolint:gosec // not negative
	return shift*subBuckets + int(d>>shift)
}

// bucketEnd is the greatest value of a bucket.
func bucketEnd(bucket int) int64 {
	shift := max(bucket/subBuckets-1, 0)
	return (int64(bucket-shift*subBuckets)+1)<<shift - 1
}

func (h *histogram) add(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.most = max(h.most, other.most)
}

// quantile returns a value that a share q of the recorded ones do not exceed.
func (h *histogram) quantile(q float64) time.Duration {
	wanted := uint64(q*float64(h.total) + 0.5)
	var seen uint64
	for i, n := range h.counts {
		if seen += n; n > 0 && seen >= wanted {
			return time.Duration(min(bucketEnd(i), h.most))
		}
	}
	return time.Duration(h.most)
}
