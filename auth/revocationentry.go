package auth

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// revocationEntry is the last word on a revocationKey: that it is revoked, or that this was undone. An
// undone one is kept too, so that a node which missed the undoing cannot bring the revocation back.
//
// It is written "r AT UNTIL BEFORE", or "u AT UNTIL 0" when undone, and a message is that with a space and
// the key behind it, as "r 1760000000000000 1762592000000 0 id:0b5e...". The script in Redis reads the
// same; JSON there loses the digits of such numbers.
type revocationEntry struct {
	at     int64 // when it was said, in microseconds since 1970
	until  int64 // when it is forgotten, in milliseconds since 1970
	before int64 // for revokeBefore: the date of issue, in milliseconds since 1970
	undone bool
}

// maxRevocationAt keeps the times below what a number of the script can hold, which a forged one
// could use to be the last word for ever. It is in the year 2255.
const maxRevocationAt = 9_000_000_000_000_000

var errRevocationText = errors.New("not a revocation")

// newer tells which of two entries for a key is the last word. It is an order of all entries, so that nodes
// that heard the same ones in different orders agree. Of two that were said in the same microsecond the
// stricter one wins.
func (e revocationEntry) newer(than revocationEntry) bool {
	switch {
	case e.at != than.at:
		return e.at > than.at
	case e.undone != than.undone:
		return than.undone
	case e.before != than.before:
		return e.before > than.before
	}
	return e.until > than.until
}

// over returns an entry as it is to be kept when it is said after old: it is the last word, and a
// revocation that is said again never gets weaker.
func (e revocationEntry) over(old revocationEntry, now time.Time) revocationEntry {
	e.at = max(now.UnixMicro(), old.at+1)
	if !e.undone && !old.undone && old.until > now.UnixMilli() {
		e.until = max(e.until, old.until)
		e.before = max(e.before, old.before)
	}
	return e
}

func (e revocationEntry) inForce(now time.Time) bool { return !e.undone && e.until > now.UnixMilli() }

func (e revocationEntry) String() string {
	state := 'r'
	if e.undone {
		state = 'u'
	}
	return fmt.Sprintf("%c %d %d %d", state, e.at, e.until, e.before)
}

// parseRevocationMessage reads a message: an entry and its key.
func parseRevocationMessage(text string) (revocationKey, revocationEntry, error) {
	parts := strings.SplitN(text, " ", 5)
	if len(parts) != 5 {
		return revocationKey{}, revocationEntry{}, errRevocationText
	}
	key, err := parseRevocationKey(parts[4])
	if err != nil {
		return key, revocationEntry{}, err
	}
	entry, err := parseRevocationEntry(strings.Join(parts[:4], " "))
	return key, entry, err
}

// parseRevocationEntry takes only what String writes.
func parseRevocationEntry(text string) (revocationEntry, error) {
	parts := strings.Split(text, " ")
	if len(parts) != 4 || parts[0] != "r" && parts[0] != "u" {
		return revocationEntry{}, errRevocationText
	}
	e := revocationEntry{undone: parts[0] == "u"}
	for i, number := range []*int64{&e.at, &e.until, &e.before} {
		n, err := strconv.ParseInt(parts[i+1], 10, 64)
		if err != nil || n < 0 {
			return revocationEntry{}, errRevocationText
		}
		*number = n
	}
	if e.at >= maxRevocationAt || e.until > Forever.UnixMilli() || e.before > Forever.UnixMilli()+1 || e.String() != text {
		return revocationEntry{}, errRevocationText
	}
	return e, nil
}

// String returns the key as it is written to Redis.
func (k revocationKey) String() string { return string(k.kind) + ":" + k.value }

func parseRevocationKey(text string) (revocationKey, error) {
	kind, value, _ := strings.Cut(text, ":")
	key := revocationKey{kind: revocationKind(kind), value: value}
	switch key.kind {
	case revokeID, revokeSub, revokeBefore:
	default:
		return revocationKey{}, errRevocationText
	}
	if value == "" || len(value) > maxRevocationValueBytes {
		return revocationKey{}, errRevocationText
	}
	return key, nil
}
