package chat

import (
	"encoding/json"
	"strings"

	"chorus/auth"
)

// User is a person or program as the token names it.
type User struct {
	ID   string `json:"id"`             // sub
	Name string `json:"name,omitempty"` // of the claim Options.NameClaim
}

// userRoom is the room of all sockets of a user.
func userRoom(id string) string { return userRooms + id }

const userRooms = "user:"

// maxName bounds the name of a user in bytes: each message carries it.
const maxName = 256

// user returns who the client is, the zero User for a client without a token or without sub.
func (cl *client) user() User { return cl.chat.userOf(cl.claims()) }

func (c *Chat) userOf(claims *auth.Claims) User {
	if claims == nil || claims.Subject() == "" {
		return User{}
	}
	user := User{ID: claims.Subject()}
	if name, _ := claimAt(claims, c.opts.NameClaim).(string); len(name) <= maxName {
		user.Name = name
	}
	return user
}

// claimAt returns the claim at a path: a member of that name, or the members of objects that dots separate.
func claimAt(claims *auth.Claims, path string) any {
	if value, ok := claims.Get(path); ok {
		return value
	}
	first, rest, _ := strings.Cut(path, ".")
	value, _ := claims.Get(first)
	for rest != "" {
		members, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		first, rest, _ = strings.Cut(rest, ".")
		value = members[first]
	}
	if first == path {
		return nil
	}
	return value
}

// meta is the argument behind the value of all that clients hear.
type meta struct {
	ID     string `json:"id"`
	At     int64  `json:"at"`   // milliseconds since 1970
	From   *User  `json:"from"` // nil is the system, or a client without a token
	Seq    int64  `json:"seq,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

// from returns what a meta says of a user.
func from(user User) *User {
	if user.ID == "" {
		return nil
	}
	return &user
}

// argument encodes a meta once for all nodes and receivers.
func (m meta) argument() json.RawMessage {
	text, _ := json.Marshal(m) // it cannot fail: there are texts and numbers
	return text
}
