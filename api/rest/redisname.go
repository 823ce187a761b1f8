package rest

import "strings"

// braces would end the hash tag of a key of Redis.
var braces = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D")

// RedisKey returns the name of what belongs to an API key, a token or the like. The names begin as those of the chat
// product, so that a Redis user needs no further permission.
func RedisKey(prefix, kind, name string) string {
	return prefix + "-chat:api-" + kind + ":{%" + braces.Replace(name) + "}"
}
