package webhook

import (
	"chorus/chat/notice"
	"chorus/internal/acl"
)

// Needs returns what the queues need on Redis with a prefix, and what writes into them.
func Needs(prefix string) []acl.Command {
	key := notice.Key(prefix, "x") + ":x"
	pattern := acl.Literal(prefix) + "-webhooks:*"
	list := acl.On(pattern, key, "evalsha", "eval",
		"xadd * x x", "xlen", "xrange - +", "xdel 1-1", "xack "+notice.Group+" 1-1",
		"get", "set x", "del", "exists",
		"hget x", "hset x x", "hmget x", "hgetall", "hdel x", "hincrby x 1",
		"zadd 0 x", "zrem x", "zcard", "zrange 0 1", "zrangebyscore 0 1")
	list = append(list, acl.On(acl.Literal(prefix)+"-chat:*", prefix+"-chat:seq:{%}", "incr", "set x", "pexpire 1")...)
	return append(list,
		acl.Command{Name: "xgroup|create", Args: []string{key, notice.Group, "0"}, Keys: []string{pattern}},
		acl.Command{Name: "xreadgroup", Args: []string{"group", notice.Group, "x", "streams", key, ">"}, Keys: []string{pattern}})
}
