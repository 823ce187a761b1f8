package msgpack

import (
	"math"
	"strconv"

	"github.com/tinylib/msgp/msgp"
)

// appendNumber appends a JSON number: an integer where one fits, else the nearest float64;
// exact reports whether it stands for the same number in writing.
func appendNumber(b, text []byte, whole bool) (packed []byte, exact bool) {
	if whole && string(text) != "-0" {
		if i, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return msgp.AppendInt64(b, i), true
		}
		if u, err := strconv.ParseUint(string(text), 10, 64); err == nil {
			return msgp.AppendUint64(b, u), true
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil { // out of range: the syntax has been checked
		return msgp.AppendNil(b), false
	}
	return appendFloat(b, f), means(text, f)
}

// means reports whether a float64, written as JavaScript writes it, is the number of the text.
func means(text []byte, f float64) bool {
	// Every number of 15 digits comes back from a float64 (DBL_DIG), unless it is so small that the
	// float64 has fewer.
	const safeDigits, smallest = 15, 1e-290
	var few [32]byte
	digits, exponent := decimal(few[:0], text)
	if len(digits) <= safeDigits && (math.Abs(f) > smallest || len(digits) == 0) {
		return true
	}
	var printed, more [32]byte
	want, wantExponent := decimal(more[:0], strconv.AppendFloat(printed[:0], f, 'e', -1, 64))
	return string(digits) == string(want) && exponent == wantExponent
}

// decimal appends the digits of a number without the zeros at both ends, none of zero, and returns
// them with the power of ten that they are to be multiplied by.
func decimal(b, text []byte) (digits []byte, exponent int) {
	const most = 1 << 30 // keeps an exponent of a thousand digits from overflowing
	fraction := 0
	point := false
	for i, c := range text {
		switch {
		case c == '.':
			point = true
		case c == 'e' || c == 'E':
			exponent, _ = strconv.Atoi(string(text[i+1:])) // out of range it is the largest
			exponent = max(-most, min(exponent, most))
			return trimZeros(b, exponent-fraction)
		case '0' <= c && c <= '9':
			if point {
				fraction++
			}
			if c != '0' || len(b) > 0 {
				b = append(b, c)
			}
		}
	}
	return trimZeros(b, -fraction)
}

func trimZeros(digits []byte, exponent int) ([]byte, int) {
	if len(digits) == 0 {
		return digits, 0
	}
	for digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
		exponent++
	}
	return digits, exponent
}
