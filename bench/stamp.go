package bench

import "bytes"

// A stamp is what a message says about itself: when it was due, who sent it, and its number among
// that sender's. It is text of a fixed length, so that it survives whatever a server does to JSON
// and is found at the same place of every message:
//
//	~~TTTTTTTTTTTTTTTTSSSSNNNNNNNN   (hexadecimal digits)
type stamp struct {
	due    int64 // nanoseconds on the clock of the run
	sender uint16
	number uint32
}

const (
	stampMark   = "~~"
	stampLength = len(stampMark) + 16 + 4 + 8
	maxSenders  = 1 << 16
)

const hexDigits = "0123456789abcdef"

// hexValues maps a digit to its value, all else to 0xff.
var hexValues = func() (values [256]byte) {
	for i := range values {
		values[i] = 0xff
	}
	for i := range len(hexDigits) {
		values[hexDigits[i]] = byte(i)
	}
	return values
}()

func (s stamp) append(dst []byte) []byte {
	dst = append(dst, stampMark...)
	dst = appendHex(dst, uint64(s.due), 16) //nolint:gosec // the bits are what travels
	dst = appendHex(dst, uint64(s.sender), 4)
	return appendHex(dst, uint64(s.number), 8)
}

func appendHex(dst []byte, value uint64, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[value>>shift&15])
	}
	return dst
}

// stampFinder finds the stamps of messages. It remembers where the last one was: they all are
// alike, and a search of each would cost more than all the rest.
type stampFinder struct{ place int }

func (f *stampFinder) find(message []byte) (stamp, bool) {
	if s, ok := stampAt(message, f.place); ok {
		return s, true
	}
	place := bytes.Index(message, []byte(stampMark))
	if place < 0 {
		return stamp{}, false
	}
	s, ok := stampAt(message, place)
	if ok {
		f.place = place
	}
	return s, ok
}

func stampAt(message []byte, place int) (stamp, bool) {
	if len(message)-place < stampLength || message[place] != stampMark[0] || message[place+1] != stampMark[1] {
		return stamp{}, false
	}
	digits := message[place+len(stampMark) : place+stampLength]
	due, bad := parseHex(digits[:16])
	sender, bad2 := parseHex(digits[16:20])
	number, bad3 := parseHex(digits[20:28])
	if bad|bad2|bad3 > 15 {
		return stamp{}, false
	}
	return stamp{due: int64(due), sender: uint16(sender), number: uint32(number)}, true //nolint:gosec // as many digits as the types have bits
}

// parseHex also returns the bits of all digits' values, more than 15 when one of them is no digit.
func parseHex(digits []byte) (value uint64, all byte) {
	for _, c := range digits {
		v := hexValues[c]
		all |= v
		value = value<<4 | uint64(v&15)
	}
	return value, all
}
