package revocation

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Entry is the last word on a Key: that it is revoked, or that this was undone. An
// undone one is kept too, so that a node which missed the undoing cannot bring the revocation back.
//
// It is written "r AT UNTIL BEFORE", or "u AT UNTIL 0" when undone. A message is the entry, a space and the key, as
// "r 1760000000000000 1762592000000 0 id:0b5e...".
type Entry struct {
	at     int64 // when it was published, in microseconds since 1970
	until  int64 // when it is forgotten, in milliseconds since 1970
	before int64 // for kindBefore: the date of issue, in milliseconds since 1970
	undone bool
}

// maxAt bounds the times, so that a forged entry is not the last word for ever. It is in the year 2255.
const maxAt = 9_000_000_000_000_000

var errText = errors.New("not a revocation")

// Newer reports whether e and not the other entry is the last word on a key. It orders all entries, so that nodes that
// received the same entries in different orders agree. Of two that were published in the same microsecond the stricter
// one wins.
func (e Entry) Newer(than Entry) bool {
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

// Over returns an entry as a store keeps it when it is published at a time over an old one: it is the last word, and a
// revocation that is published again never gets weaker. Entries that end before past have ended.
func (e Entry) Over(old Entry, at, past time.Time) Entry {
	e.at = max(at.UnixMicro(), old.at+1)
	if !e.undone && !old.undone && old.until > past.UnixMilli() {
		e.until = max(e.until, old.until)
		e.before = max(e.before, old.before)
	}
	return e
}

func (e Entry) inForce(now time.Time) bool { return !e.undone && e.until > now.UnixMilli() }

func (e Entry) String() string {
	state := 'r'
	if e.undone {
		state = 'u'
	}
	return fmt.Sprintf("%c %d %d %d", state, e.at, e.until, e.before)
}

// parseMessage reads a message: an entry and its key.
func parseMessage(text string) (Key, Entry, error) {
	parts := strings.SplitN(text, " ", 5)
	if len(parts) != 5 {
		return Key{}, Entry{}, errText
	}
	key, err := ParseKey(parts[4])
	if err != nil {
		return key, Entry{}, err
	}
	entry, err := ParseEntry(strings.Join(parts[:4], " "))
	return key, entry, err
}

// ParseEntry reads what String writes, and nothing else.
func ParseEntry(text string) (Entry, error) {
	parts := strings.Split(text, " ")
	if len(parts) != 4 || parts[0] != "r" && parts[0] != "u" {
		return Entry{}, errText
	}
	e := Entry{undone: parts[0] == "u"}
	for i, number := range []*int64{&e.at, &e.until, &e.before} {
		n, err := strconv.ParseInt(parts[i+1], 10, 64)
		if err != nil || n < 0 {
			return Entry{}, errText
		}
		*number = n
	}
	if e.at >= maxAt || e.until > Forever.UnixMilli() || e.before > Forever.UnixMilli()+1 || e.String() != text {
		return Entry{}, errText
	}
	return e, nil
}

// String returns the key as it is written to Redis.
func (k Key) String() string { return string(k.kind) + ":" + k.value }

// ParseKey reads what String writes, and nothing else.
func ParseKey(text string) (Key, error) {
	name, value, _ := strings.Cut(text, ":")
	key := Key{kind: kind(name), value: value}
	switch key.kind {
	case kindID, kindSub, kindBefore:
	default:
		return Key{}, errText
	}
	if value == "" || len(value) > maxValueBytes {
		return Key{}, errText
	}
	return key, nil
}
