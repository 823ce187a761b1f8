package store

import (
	"cmp"
	"time"
)

// Limits are the bounds of a store. Zero stands for the default of a field.
type Limits struct {
	Rooms         int           // with history; default 100,000
	Remember      time.Duration // how long the id of a message is remembered; default 5 minutes
	RememberedIDs int           // of messages that a log has no more, for each log; default 10,000
	ReactionKeys  int           // of a message; default 20
	Reactions     int           // of a message; default 10,000
	MessageBytes  int64         // of a message that is written by Extend; default 256 KB
	StatusBytes   int           // of presence data; default 1,024
	Markers       int           // of a user; default 1,000
	Bars          int           // of a room; default 10,000
	Reports       int           // of a room; default 1,000, the oldest gives way
	MentionsOfOne int           // users whom one message mentions; default 100, further ones do not count
	OnceKeys      int           // things that Once remembers in memory; default 100,000
	Placements    int           // rooms for the sockets of a user that are to come; default 100
}

// WithDefaults returns the limits with the default of each field that is zero.
func (l Limits) WithDefaults() Limits {
	return Limits{
		Rooms:         cmp.Or(l.Rooms, 100_000),
		Remember:      cmp.Or(l.Remember, 5*time.Minute),
		RememberedIDs: cmp.Or(l.RememberedIDs, 10_000),
		ReactionKeys:  cmp.Or(l.ReactionKeys, 20),
		Reactions:     cmp.Or(l.Reactions, 10_000),
		MessageBytes:  cmp.Or(l.MessageBytes, 256<<10),
		StatusBytes:   cmp.Or(l.StatusBytes, 1024),
		Markers:       cmp.Or(l.Markers, 1000),
		Bars:          cmp.Or(l.Bars, 10_000),
		Reports:       cmp.Or(l.Reports, 1000),
		MentionsOfOne: cmp.Or(l.MentionsOfOne, 100),
		OnceKeys:      cmp.Or(l.OnceKeys, 100_000),
		Placements:    cmp.Or(l.Placements, 100),
	}
}
