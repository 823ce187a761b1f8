package store

import (
	"context"
	"time"
)

// Bar keeps a user from speaking (mute) or from being in a room (ban).
type Bar struct {
	Action string // "mute" or "ban"
	User   string
	Until  int64 // milliseconds since 1970; 0 for no end
	Reason string
	By     string
	At     int64
}

// Standing is what moderation says about a user in a room.
type Standing struct {
	Mute, Ban *Bar // in force, from the room or from everywhere
	Slow      int  // seconds between messages; 0 for off
	Frozen    bool
}

// Report is a message that a user finds wrong.
type Report struct {
	ID, By, Reason string
	At             int64
}

// ModerationPage is the state of a room. Next is "" at the end of the bars.
type ModerationPage struct {
	Bars    []Bar
	Slow    int
	Frozen  bool
	Reports []Report // newest first, with the first page
	Next    string
}

// Rule is a change of moderation. Exactly one of its members is set.
type Rule struct {
	Bar    *Bar // puts a bar in force
	Lift   *Bar // ends the one with this Action and User
	Slow   *int
	Frozen *bool
	Report *Report
}

// Moderation knows who may not speak or be somewhere; the room "" stands for everywhere.
type Moderation interface {
	// SetRule changes what is in force, on every node within a second. A Report of the same message by the same user as one
	// that is kept is ErrReported, and is not kept.
	SetRule(ctx context.Context, room string, r Rule) error

	// Standing returns what is in force for a user in a room. It asks Redis only about rooms that this node does not
	// follow.
	Standing(ctx context.Context, room, user string) (Standing, error)

	// Turn takes the turn to speak in slow mode, or returns how long the user has to wait.
	Turn(ctx context.Context, room, user string, slow int) (wait time.Duration, err error)

	// Rules reads the state of a room.
	Rules(ctx context.Context, room, cursor string, limit int) (ModerationPage, error)
}
