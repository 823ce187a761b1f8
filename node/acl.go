package node

import "chorus/node/cluster"

// RedisACL returns the command that lets a user do on Redis what a node does, and nothing else. The password is a placeholder.
func RedisACL(cfg Config) string { return cluster.ACL(cfg) }
