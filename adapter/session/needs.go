package session

import "chorus/internal/acl"

// Needs returns what sessions need on Redis with a prefix of their keys.
func Needs(prefix string) []acl.Command {
	return acl.On(acl.Literal(prefix)+"*", prefix+"x", "eval", "get", "set x", "del")
}
