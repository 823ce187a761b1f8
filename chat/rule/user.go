package rule

import (
	"strings"

	"chorus/auth"
)

// User is a person or program as the token names it.
type User struct {
	ID   string `json:"id"`             // sub
	Name string `json:"name,omitempty"` // of the claim Options.NameClaim
}

// UserRoom is the room of all sockets of a user.
func UserRoom(id string) string { return UserRooms + id }

// UserRooms begins the names of the rooms of users.
const UserRooms = "user:"

// MaxName bounds the name of a user in bytes: each message carries it.
const MaxName = 256

// UserOf returns who a token is for, the zero User without a token or without sub. The claim nameClaim has the name.
func UserOf(claims *auth.Claims, nameClaim string) User {
	if claims == nil || claims.Subject() == "" {
		return User{}
	}
	user := User{ID: claims.Subject()}
	if name, _ := claimAt(claims, nameClaim).(string); len(name) <= MaxName {
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

// Called returns what people call a user: the name, or the id of a user without one.
func (u User) Called() string {
	if u.Name != "" {
		return u.Name
	}
	return u.ID
}
