package chat

import (
	"chorus/chat/store"
	"regexp"
	"strings"
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

// policies finds the policy of a room.
type policies struct {
	list     []RoomPolicy
	patterns []*regexp.Regexp
}

func newPolicies(list []RoomPolicy) policies {
	p := policies{list: list}
	for _, policy := range list {
		text := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(policy.Match))
		p.patterns = append(p.patterns, regexp.MustCompile("(?s)^"+text+"$")) // the text is quoted
	}
	return p
}

// of returns the policy of a room: that of the first pattern that fits, or none.
func (p *policies) of(room string) RoomPolicy {
	for i, pattern := range p.patterns {
		if pattern.MatchString(room) {
			return p.list[i]
		}
	}
	return RoomPolicy{}
}
