package lane

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"chorus/adapter"
	"chorus/chat/rule"
	"chorus/chat/store"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Options configure newLanes.
type Options struct {
	Namespace socket.Namespace
	Publisher adapter.Publisher // of the namespace
	Feed      store.Feed
	Policies  *rule.Policies
	Presence  PresenceOptions
	Typing    time.Duration // when a user who types stops by itself
	Logger    *slog.Logger

	// Delivered is called with each record after the clients of this node got it, Untold with the number of users who came
	// or went without a word, since the room is large.
	Delivered func(*store.Record)
	Untold    func(users int)
}

// PresenceOptions bound what clients receive about the users of a room.
type PresenceOptions struct {
	// Grace is how long a user whose last connection to a room was lost is still there; negative for not at all, default
	// 5 s.
	Grace time.Duration
	// BatchAbove is the number of users above which changes are told together, once a second; default 200.
	BatchAbove int
	// CountsAbove is the number of users above which the number alone is told, once a second at most; default 5000.
	CountsAbove int
	// MaxData is the size of the largest data of a user, in bytes; default 1024.
	MaxData int
}

// Lanes are those of a node.
type Lanes struct {
	opts Options
	pace pace

	mu      sync.Mutex
	byTopic map[string]*Lane
}

// New returns the lanes of a node.
func New(opts Options) *Lanes { return &Lanes{opts: opts, byTopic: make(map[string]*Lane)} }

// Acquire returns the lane of a topic and follows it. With an error the topic is not followed yet: the node tries again
// by itself. In any case release must follow.
func (c *Lanes) Acquire(ctx context.Context, topic string) (*Lane, error) {
	c.mu.Lock()
	l := c.byTopic[topic]
	if l == nil {
		l = &Lane{all: c, Topic: topic}
		c.byTopic[topic] = l
	}
	l.refs++
	c.mu.Unlock()
	return l, l.follow(ctx)
}

func (l *Lane) follow(ctx context.Context) error {
	l.following.Lock()
	defer l.following.Unlock()
	if l.followed {
		return nil
	}
	err := l.all.opts.Feed.Follow(ctx, l.Topic)
	l.followed = err == nil
	return err
}

// Release gives a lane back.
func (l *Lane) Release() {
	c := l.all
	c.mu.Lock()
	l.refs--
	last := l.refs == 0
	if last {
		delete(c.byTopic, l.Topic)
	}
	c.mu.Unlock()
	if !last {
		return
	}
	l.stop()
	l.following.Lock()
	defer l.following.Unlock()
	if l.followed {
		l.followed = false
		c.opts.Feed.Unfollow(l.Topic)
	}
}

// stop ends the timers of a lane.
func (l *Lane) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.presence.stop()
	if l.gathered != nil {
		l.gathered.stop()
	}
	if l.typing != nil {
		l.typing.stop()
	}
}

// lane returns the lane of a topic, nil when no socket of this node is there.
func (c *Lanes) lane(topic string) *Lane {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byTopic[topic]
}

// Topics returns the topics of all lanes: the rooms and users that have a socket of this node.
func (c *Lanes) Topics() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.byTopic))
}

// Hold takes one more reference to a lane, of which the caller has one.
func (l *Lane) Hold() {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	l.refs++
}

// retryInterval is the time between two attempts to follow a topic that could not be followed.
const retryInterval = time.Second

// Run follows what could not be followed, until ctx ends.
func (c *Lanes) Run(ctx context.Context) {
	ticker := time.NewTicker(retryInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, l := range c.allLanes() {
			if err := l.follow(ctx); err != nil {
				break // the others fail as well
			}
			c.dropIfUnused(l)
		}
	}
}

func (c *Lanes) allLanes() []*Lane {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.byTopic))
}

// dropIfUnused unfollows a lane that was released while it was being followed again.
func (c *Lanes) dropIfUnused(l *Lane) {
	c.mu.Lock()
	unused := l.refs == 0
	c.mu.Unlock()
	if !unused {
		return
	}
	l.following.Lock()
	defer l.following.Unlock()
	if l.followed {
		l.followed = false
		c.opts.Feed.Unfollow(l.Topic)
	}
}

// Logged passes a message, or a change of one, on to the sockets of this node.
func (c *Lanes) Logged(r *store.Record) {
	if l := c.lane(r.Log); l != nil {
		l.logged(r)
		return
	}
	c.cast(r, nil)
}

// Present passes on who came and went.
func (c *Lanes) Present(room string, change *store.PresenceChange) {
	if l := c.lane(room); l != nil {
		l.present(change)
	}
}

// Signalled passes on who types.
func (c *Lanes) Signalled(topic string, data []byte) {
	if l := c.lane(topic); l != nil {
		l.signalled(data)
	}
}
