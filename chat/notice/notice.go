// Package notice is about what back ends are told: webhooks. It has the kinds of notices, who wants which, and how
// they are written to the queues in Redis, from which package api/webhook delivers them.
//
// What decides that something happens also writes the notice, in the same step: so none is lost when a node is killed.
package notice

import (
	"encoding/json"
)

// The kinds of notices.
const (
	UserOnline       = "user.online"
	UserOffline      = "user.offline"
	RoomOccupied     = "room.occupied"
	RoomVacated      = "room.vacated"
	RoomJoined       = "room.joined"
	RoomLeft         = "room.left"
	MessagePublished = "message.published"
	MessageEdited    = "message.edited"
	MessageDeleted   = "message.deleted"
	DirectSent       = "direct.sent"
	TokenRevoked     = "token.revoked"
	Dropped          = "webhook.dropped"
	Test             = "webhook.test"

	moderation = "moderation."
)

// Moderation returns the kind of a measure of moderation.
func Moderation(action string) string { return moderation + action }

// Kinds returns all kinds.
func Kinds() []string {
	kinds := []string{UserOnline, UserOffline, RoomOccupied, RoomVacated, RoomJoined, RoomLeft, MessagePublished, MessageEdited, MessageDeleted, DirectSent}
	for _, action := range []string{"mute", "unmute", "kick", "ban", "unban", "slow", "freeze"} {
		kinds = append(kinds, Moderation(action))
	}
	return append(kinds, TokenRevoked, Dropped, Test)
}

// Notice is something that a back end is told.
type Notice struct {
	Kind string
	// Room and User are what it concerns: the room, else the user. Notices about the same keep their order.
	Room, User string
	// Members are the members of its data without seq, as JSON between the braces.
	Members string
	// Fold names the state that it is about; "" for none. A later notice with the same name makes it unnecessary.
	Fold string
	// Once makes sure that it is told once, when several nodes tell the same; "" for a notice of one node.
	Once string
}

// Subject is what a notice concerns, in one text.
func (n *Notice) Subject() string { return Subject(n.Room, n.User) }

// Subject is what notices about a room, or about a user without a room, have in common.
func Subject(room, user string) string {
	switch {
	case room != "":
		return "r:" + room
	case user != "":
		return "u:" + user
	}
	return ""
}

// User is a user in a notice.
type User struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// Members returns the members of an object as JSON without the braces. Those that are nil are left out.
func Members(list ...Member) string {
	var text []byte
	for _, m := range list {
		if m.Value == nil {
			continue
		}
		value, err := json.Marshal(m.Value)
		if err != nil {
			continue // of a program: it cannot be told
		}
		name, _ := json.Marshal(m.Name) // a text
		if len(text) > 0 {
			text = append(text, ',')
		}
		text = append(append(append(text, name...), ':'), value...)
	}
	return string(text)
}

// Member is a member of an object.
type Member struct {
	Name  string
	Value any
}
