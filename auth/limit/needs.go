package limit

import "chorus/internal/acl"

// Needs returns what a limit over a cluster needs on Redis with a prefix, besides the registry.
func Needs(prefix string) []acl.Command {
	key, channel := "{"+prefix+"-auth}:", prefix+"-auth-replaced"
	list := acl.On(acl.Literal(key)+"*", key+"connections:x", "evalsha", "eval", "zcard", "zrange 0 1", "zadd 0 x", "zrem x", "pexpire 1")
	for _, command := range [][]string{{"subscribe", channel}, {"publish", channel, ""}} {
		list = append(list, acl.Command{Name: command[0], Args: command[1:], Channels: []string{acl.Literal(channel)}})
	}
	return append(list, acl.Plain("time")...)
}
