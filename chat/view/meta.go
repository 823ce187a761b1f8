package view

import (
	"encoding/json"

	"chorus/chat/rule"
)

// Meta is the argument behind the value of all that clients hear.
type Meta struct {
	ID     string     `json:"id"`
	At     int64      `json:"at"`   // milliseconds since 1970
	From   *rule.User `json:"from"` // nil is the system, or a client without a token
	Seq    int64      `json:"seq,omitempty"`
	Cursor string     `json:"cursor,omitempty"`
}

// From returns what a meta says of a user.
func From(user rule.User) *rule.User {
	if user.ID == "" {
		return nil
	}
	return &user
}

// Argument encodes a meta once for all nodes and receivers.
func (m Meta) Argument() json.RawMessage {
	text, _ := json.Marshal(m) // it cannot fail: there are texts and numbers
	return text
}

// OrNull returns a text, nil for an empty one.
func OrNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
