package api

import (
	"chorus/api/rest"
	"chorus/internal/acl"
)

// Needs returns what the API needs on Redis with a prefix.
func Needs(prefix string) []acl.Command {
	return append(acl.On(acl.Literal(prefix)+"-chat:*", rest.RedisKey(prefix, "x", "x"), "evalsha", "eval",
		"get", "set x", "del", "pexpire 1", "zadd 0 x", "zrem x", "zcard", "zrange 0 1", "zremrangebyscore 0 1",
		"xadd * x x", "xrange - +"), acl.Plain("time")...)
}
