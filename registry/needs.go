package registry

import "chorus/internal/acl"

// Needs returns what the registry needs on Redis with a prefix.
func Needs(prefix string) []acl.Command {
	key := "{" + prefix + "-nodes}:"
	return append(acl.On(acl.Literal(key)+"*", key+"leases", "evalsha", "eval",
		"zrange 0 1", "zadd 0 x", "zrangebyscore 0 1", "zrem x", "zscore x",
		"hget x", "hset x x", "hsetnx x x", "hdel x", "pexpire 1"), acl.Plain("time")...)
}
