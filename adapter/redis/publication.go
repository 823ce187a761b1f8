package redis

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"chorus/adapter/wire"

	"github.com/redis/go-redis/v9"
)

// Publication is one message on its way to Redis.
type Publication struct {
	Channel string
	Payload []byte
	Entry   *wire.Entry // instead of a payload: the channel is a stream
	// Done is called once with the outcome, and with the id of an entry; nil when the caller does not ask. It runs on the
	// goroutine that publishes, so it must neither block nor push.
	Done  func(offset string, err error)
	since time.Time // of the push
}

func (p Publication) settle(err error) {
	if p.Done != nil {
		p.Done("", err)
	}
}

func (p Publication) size() int {
	if p.Entry != nil {
		return p.Entry.Size()
	}
	return len(p.Payload)
}

func (o *publisher) commandOf(ctx context.Context, p Publication) redis.Cmder {
	if e := p.Entry; e != nil {
		return appendCommand{redis.NewStringCmd(ctx, e.Command(p.Channel, o.maxStreamLen)...)}
	}
	c := publishCommand{redis.NewIntCmd(ctx, o.command, p.Channel, p.Payload)}
	c.SetFirstKeyPos(1) // a shard channel is on the node that has its slot
	return c
}

// offsetOf returns where what was sent is kept; empty when nothing is.
func offsetOf(sent redis.Cmder) string {
	if c, ok := sent.(appendCommand); ok {
		return c.Val()
	}
	return ""
}

// publishCommand is a PUBLISH that go-redis does not send a second time, and appendCommand an XADD.
type (
	publishCommand struct{ *redis.IntCmd }
	appendCommand  struct{ *redis.StringCmd }
)

// NoRetry implements redis.Cmder.
func (publishCommand) NoRetry() bool { return true }

// NoRetry implements redis.Cmder.
func (appendCommand) NoRetry() bool { return true }

// notDone reports whether a command has certainly had no effect, and may have one later: nothing was written to Redis,
// or it has said that it cannot do it now. When an answer is missing, a message may have been published, and must
// not be sent again. A batch for a Redis Cluster goes to several servers, so that each command has an error of its own.
func notDone(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op == "dial"
	}
	return refuses(err)
}

// refusals begin the errors of a Redis that does not do a command now, and may do it later: it is no master any more
// or no one yet, it loads its data, it has no memory left, it lacks replicas, or it cannot write to its disk.
var refusals = []string{"READONLY ", "LOADING ", "CLUSTERDOWN ", "MASTERDOWN ", "TRYAGAIN ", "OOM ", "NOREPLICAS ", "MISCONF "}

func refuses(err error) bool {
	return slices.ContainsFunc(refusals, func(code string) bool { return strings.HasPrefix(err.Error(), code) })
}
