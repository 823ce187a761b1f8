package auth

import "chorus/internal/acl"

// LimitNeeds returns what the limit of connections needs on Redis with a prefix.
func LimitNeeds(prefix string) []acl.Command {
	key, channel := "{"+prefix+"-auth}:", prefix+"-auth-replaced"
	list := acl.On(acl.Literal(key)+"*", key+"nodes", "evalsha", "eval", "zscore x", "zcard", "zrange 0 1", "zadd 0 x", "zrem x",
		"zremrangebyscore 0 1", "pexpire 1")
	for _, command := range [][]string{{"subscribe", channel}, {"publish", channel, ""}} {
		list = append(list, acl.Command{Name: command[0], Args: command[1:], Channels: []string{acl.Literal(channel)}})
	}
	return append(list, acl.Plain("time")...)
}
