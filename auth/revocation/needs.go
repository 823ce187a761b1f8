package revocation

import "chorus/internal/acl"

// Needs returns what a [Redis] with a prefix needs on Redis.
func Needs(prefix string) []acl.Command {
	key, channel := "{"+prefix+"-auth}:", prefix+"-auth"
	list := acl.On(acl.Literal(key)+"*", key+"revocations", "evalsha", "eval", "hscan 0", "hget x", "hset x x", "hdel x",
		"zadd 0 x", "zrangebyscore 0 1", "zrem x")
	for _, command := range [][]string{{"subscribe", channel}, {"publish", channel, ""}} {
		list = append(list, acl.Command{Name: command[0], Args: command[1:], Channels: []string{acl.Literal(channel)}})
	}
	return append(list, acl.Plain("time")...)
}
