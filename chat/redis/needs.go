package redis

import (
	"chorus/chat/redis/script"
	"chorus/internal/acl"
)

// Needs returns what the store needs on Redis with a prefix.
func Needs(prefix string) []acl.Command {
	k := script.Keys(prefix)
	list := acl.On(acl.Literal(prefix)+"-chat:*", k.Of("log", ""), "evalsha", "eval",
		"get", "set x", "del", "pexpire 1", "pttl", "persist",
		"hget x", "hset x x", "hmget x", "hdel x", "hexists x", "hlen", "hkeys", "hgetall",
		"zadd 0 x", "zrem x", "zcard", "zscan 0", "zrange 0 1", "zscore x", "zlexcount - +",
		"zrangebyscore 0 1", "zrangebylex - +", "zremrangebyscore 0 1", "zremrangebylex - +", "zremrangebyrank 0 0",
		"rpush x", "lpush x", "llen", "lrange 0 1", "ltrim 0 1",
		"sadd x", "srem x", "scard", "smembers", "srandmember", "spop")
	channels := []string{acl.Literal(prefix) + "-chat#*", acl.Literal(prefix) + "-chat-all"}
	for _, command := range [][]string{{"subscribe", k.Channel("")}, {"unsubscribe", k.Channel("")}, {"publish", k.Channel(""), ""}} {
		list = append(list, acl.Command{Name: command[0], Args: command[1:], Channels: channels})
	}
	return append(list, acl.Plain("time")...)
}
