package rule

import (
	"regexp"
	"strings"

	"chorus/chat/shape"
	"chorus/chat/store"
)

// RoomPolicy says what the rooms of a pattern keep and tell.
type RoomPolicy struct {
	// Match is the pattern of names: "*" stands for any characters, "?" for one.
	Match string
	// History bounds what is kept. Without any bound nothing is kept.
	History store.Bounds
	// Receipts tells the room up to where each user has read.
	Receipts bool
	// NoPresence keeps clients from seeing who is in the room.
	NoPresence bool
	// Listed shows the name of the room to clients that may join it.
	Listed bool
	// OnJoin and OnLeave tell the others of the room that a user came or went; default nothing.
	OnJoin, OnLeave *Announcement
}

// Announcement is an event by which the others of a room hear that a user came or went.
type Announcement struct {
	Event string
	// Shape is what they hear of it; nil for nothing but the event. It knows {sub}, {name}, {room}, {count} and {at}.
	Shape *shape.Shape
}

// Policies finds the policy of a room.
type Policies struct {
	list     []RoomPolicy
	direct   store.Bounds // of conversations
	patterns []*regexp.Regexp
}

// NewPolicies returns the policies of rooms, and what conversations keep.
func NewPolicies(list []RoomPolicy, direct store.Bounds) *Policies {
	p := &Policies{list: list, direct: direct}
	for _, policy := range list {
		text := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(policy.Match))
		p.patterns = append(p.patterns, regexp.MustCompile("(?s)^"+text+"$")) // the text is quoted
	}
	return p
}

// Of returns the policy of a room: that of the first pattern that fits, or none.
func (p *Policies) Of(room string) RoomPolicy {
	for i, pattern := range p.patterns {
		if pattern.MatchString(room) {
			return p.list[i]
		}
	}
	return RoomPolicy{}
}
