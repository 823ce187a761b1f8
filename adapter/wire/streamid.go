package wire

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// StreamID is the place of an entry in a stream of Redis: milliseconds and a number within them. The
// zero value is before all entries.
type StreamID struct{ Ms, Seq uint64 }

// ParseStreamID reads "ms-seq", both in decimal digits alone, as Redis writes it.
func ParseStreamID(text string) (StreamID, error) {
	ms, seq, ok := strings.Cut(text, "-")
	var id StreamID
	var errs [2]error
	id.Ms, errs[0] = strconv.ParseUint(ms, 10, 64)
	id.Seq, errs[1] = strconv.ParseUint(seq, 10, 64)
	if !ok || errs != [2]error{} {
		return StreamID{}, fmt.Errorf("%w: %.50q is no id of a stream's entry", ErrMalformed, text)
	}
	return id, nil
}

func (id StreamID) String() string {
	return strconv.FormatUint(id.Ms, 10) + "-" + strconv.FormatUint(id.Seq, 10)
}

// Compare returns a negative number when id is before other, 0 when it is the same, and else a positive one.
func (id StreamID) Compare(other StreamID) int {
	return cmp.Or(cmp.Compare(id.Ms, other.Ms), cmp.Compare(id.Seq, other.Seq))
}

// LastID is after all entries.
var LastID = StreamID{math.MaxUint64, math.MaxUint64}

// Later returns the later of two ids.
func Later(a, b StreamID) StreamID {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

// Before returns the largest id before this one, and the zero value for that itself.
func (id StreamID) Before() StreamID {
	if id == (StreamID{}) {
		return id
	}
	if id.Seq == 0 {
		id.Ms--
	}
	id.Seq--
	return id
}

// Next returns the smallest id after this one. Exclusive ranges are of Redis 6.2.
func (id StreamID) Next() StreamID {
	if id.Seq++; id.Seq == 0 {
		id.Ms++
	}
	return id
}
