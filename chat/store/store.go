package store

import (
	"context"
	"time"

	"chorus/chat/notice"
)

// Store keeps the state of the chat product. Packages chat/memory and chat/redis implement it, with the same bounds and
// the same behaviour. All methods are safe for concurrent use; they return ErrUnavailable soon when Redis is away.
type Store interface {
	Feed
	Log
	Once
	Presence
	Markers
	Moderation
	Placements
	Notices

	// Start gives the store the receiver of what it publishes. It is called once, before all other methods.
	Start(Sink)

	// Close ends the goroutines. The users of this node leave when its lease in the registry ends. It is idempotent.
	Close(context.Context) error
}

// Notices tell back ends what happens.
type Notices interface {
	// Notify puts a notice into the queues of those who want it. Presence and messages with a Notice need no call: the
	// store does it in the same step.
	Notify(ctx context.Context, n *notice.Notice) error
}

// Feed brings what is published to the nodes that follow it.
type Feed interface {
	// Follow has the Sink receive everything of a topic that is published after Follow has returned. Calls are counted:
	// a topic that was followed twice has to be unfollowed twice.
	Follow(ctx context.Context, topic string) error
	Unfollow(topic string)

	// Signal sends data to the Sinks of all nodes that follow a topic, this one included. It never blocks, and may be
	// lost. Signals wait in a queue of their own and do not delay anything else.
	Signal(topic string, data []byte)
}

// Sink receives what a node follows. The store calls it from one goroutine; it must not block.
type Sink interface {
	// Logged receives a message or a change of one, in the order of its log, once.
	Logged(*Record)

	// Present receives a change of the users of a room, in order.
	Present(room string, change *PresenceChange)

	// Barred receives a topic whose bars have changed; "" is everywhere.
	Barred(topic string)

	// Signalled receives a signal.
	Signalled(topic string, data []byte)

	// Lost receives a topic of which something was missed for good.
	Lost(topic string)
}

// Once has a thing done once over the cluster.
type Once interface {
	// Begin returns nil and nil when the caller has to do it and then calls Finish, or the answer of who did it before.
	// It waits while another does it, for 10 s at most. Another digest is a ConflictError.
	Begin(ctx context.Context, key, digest string, keep time.Duration) (answer []byte, err error)

	// Finish keeps the answer. A nil answer means that it failed: the next one may try.
	Finish(ctx context.Context, key, digest string, answer []byte, keep time.Duration) error
}

// Placements are the rooms into which the program puts the sockets of a user that are still to come.
type Placements interface {
	// Place has the sockets of a user that come within a time join a room; 0 ends that.
	Place(ctx context.Context, user, room string, within time.Duration) error

	// Placed returns these rooms.
	Placed(ctx context.Context, user string) ([]string, error)
}
