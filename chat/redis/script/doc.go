// Package script runs Lua scripts on the Redis of a cluster, many in one round trip, and names keys and channels.
package script
