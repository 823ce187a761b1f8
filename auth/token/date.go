package token

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"time"
)

var (
	errNotDate      = errors.New("not a finite number")
	errDateNotInSec = errors.New("not a date in seconds since 1970 and before the year 10000")
)

// maxDate is the last second of the year 9999. Beyond it are above all dates in milliseconds,
// written by mistake: as seconds they would make a token good for ever.
const maxDate = 253402300799

// parseDate reads a NumericDate (RFC 7519 section 2): seconds since 1970, with or without a
// fraction.
func parseDate(value any) (time.Time, error) {
	number, ok := value.(json.Number)
	if !ok {
		return time.Time{}, errNotDate
	}
	seconds, err := strconv.ParseFloat(number.String(), 64)
	if err != nil {
		return time.Time{}, errNotDate
	}
	if math.Abs(seconds) > maxDate {
		return time.Time{}, errDateNotInSec
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*float64(time.Second))), nil
}
