package adapter

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// streamID is the place of an entry in a stream of Redis: milliseconds and a number within them. The
// zero value is before all entries.
type streamID struct{ ms, seq uint64 }

// parseStreamID reads "ms-seq", both in decimal digits alone, as Redis writes it.
func parseStreamID(text string) (streamID, error) {
	ms, seq, ok := strings.Cut(text, "-")
	var id streamID
	var errs [2]error
	id.ms, errs[0] = strconv.ParseUint(ms, 10, 64)
	id.seq, errs[1] = strconv.ParseUint(seq, 10, 64)
	if !ok || errs != [2]error{} {
		return streamID{}, fmt.Errorf("%w: %.50q is no id of a stream's entry", errMalformed, text)
	}
	return id, nil
}

func (id streamID) String() string {
	return strconv.FormatUint(id.ms, 10) + "-" + strconv.FormatUint(id.seq, 10)
}

func (id streamID) compare(other streamID) int {
	return cmp.Or(cmp.Compare(id.ms, other.ms), cmp.Compare(id.seq, other.seq))
}

// lastID is after all entries.
var lastID = streamID{math.MaxUint64, math.MaxUint64}

func latest(a, b streamID) streamID {
	if a.compare(b) < 0 {
		return b
	}
	return a
}

// before returns the largest id before this one, and the zero value for that itself.
func (id streamID) before() streamID {
	if id == (streamID{}) {
		return id
	}
	if id.seq == 0 {
		id.ms--
	}
	id.seq--
	return id
}

// next returns the smallest id after this one. Exclusive ranges are of Redis 6.2.
func (id streamID) next() streamID {
	if id.seq++; id.seq == 0 {
		id.ms++
	}
	return id
}
