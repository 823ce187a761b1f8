package streams

import (
	"chorus/adapter/redis"
	"chorus/adapter/wire"
	"chorus/internal/acl"
)

// Needs implements adapter.Transport.
func (t *Transport) Needs() []acl.Command { return Needs(t.opts) }

// Needs returns what a transport needs on Redis. Session recovery reads the stream as well.
func Needs(opts Options) []acl.Command {
	opts = opts.withDefaults()
	stream, pattern := wire.StreamOf("/", opts.StreamName, opts.StreamCount), acl.Literal(opts.StreamName)
	if opts.StreamCount > 1 {
		pattern += "-*"
	}
	list := acl.On(pattern, stream, "xadd * x x", "xrange - +", "xrevrange + -")
	list = append(list,
		acl.Command{Name: "xread", Args: []string{"streams", stream, "0"}, Keys: []string{pattern}},
		acl.Command{Name: "xinfo|stream", Args: []string{stream}, Keys: []string{pattern}})
	list = append(list, acl.Plain("multi", "exec")...)
	list = append(list, redis.Needs(opts.Prefix)...)
	list = append(list, acl.On(ProbeKey(pattern)+"#*", ProbeKey(stream)+"#", "xadd * n 1", "pexpire 1", "del")...)
	rooms, main := acl.Literal(opts.Prefix)+"#*", opts.Prefix+"#/#"
	if opts.ShardedPubSub {
		return append(list, acl.Sharded(rooms, main)...)
	}
	return append(list, acl.PubSub(rooms, main)...)
}
