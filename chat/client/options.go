package client

import (
	"cmp"
	"log/slog"
	"time"

	"chorus/chat/event"
	"chorus/chat/lane"
	"chorus/chat/notice"
	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/registry"
)

// Options configure New. Store is needed; the zero value of everything else is useful.
type Options struct {
	// Store keeps the state. New starts it; the caller closes it, after the Chat.
	Store store.Store
	// Nodes are the nodes of the cluster, which ask each other about their clients; default this node alone.
	Nodes Cluster
	// Rooms say what rooms keep and tell. The first pattern that fits a name counts; without one a room keeps nothing.
	Rooms []rule.RoomPolicy
	// DirectHistory bounds what is kept of the conversation of two users; default nothing.
	DirectHistory store.Bounds
	// Presence bounds what clients receive about the users of a room.
	Presence lane.PresenceOptions
	// Idempotency is how long the id that a client chose for a message is remembered; default 5 minutes.
	Idempotency time.Duration
	// Typing is when a user who types stops by itself; default 5 s.
	Typing time.Duration
	// MaxValue is the size of the largest value that is kept, in bytes; default 65536.
	MaxValue int
	// MaxMentions is how many users a message may name; default 100.
	MaxMentions int
	// Timeout bounds what a request waits for Redis; default 5 s.
	Timeout time.Duration
	// Open permits everything to every client. It is for a node without keys, whose clients have no tokens.
	Open bool
	// MaxRooms is how many rooms a client may join; default DefaultMaxRooms.
	MaxRooms int
	// TotalOrder says that a message which Redis does not accept reaches nobody, not even the clients of this node.
	TotalOrder bool
	// Meta gives "message" one more argument behind the value: who sent it, when, and its id.
	Meta bool
	// PublishWithoutJoin lets clients publish to rooms that they have not joined.
	PublishWithoutJoin bool
	// NameClaim is the claim with the name of a user, as a path with dots; default DefaultNameClaim.
	NameClaim string
	// Events are the declared events. One takes the place of the request of the same name in its namespace. Open must be
	// called for their namespaces, but for that of the Chat.
	Events []*event.Event
	// Targets are the back ends that are told what happens, as the Store knows them; default none.
	Targets *notice.Targets
	// OnConnect is done for each client that connects to a namespace, by its name; default nothing.
	OnConnect map[string]*event.Event
	// Relay sends each event that nobody handles to everybody, for a first afternoon; default false.
	Relay bool
	// Peers reports whether there are servers of others, such as Node.js, which do not know the store: they are sent
	// what is said in rooms with history; default never. It must not block.
	Peers func() bool
	// OnUnknown is called with each event that nobody handles and the events that are handled; default nothing. It
	// must not block.
	OnUnknown func(namespace, event string, handled []string)
	// Logger gets what goes wrong; default no log.
	Logger *slog.Logger
}

// DefaultNameClaim is the claim with the name of a user.
const DefaultNameClaim = "name"

func (o Options) withDefaults() Options {
	if o.MaxRooms <= 0 {
		o.MaxRooms = DefaultMaxRooms
	}
	if o.NameClaim == "" {
		o.NameClaim = DefaultNameClaim
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Idempotency = cmp.Or(o.Idempotency, 5*time.Minute)
	o.Typing = cmp.Or(o.Typing, 5*time.Second)
	o.MaxValue = cmp.Or(o.MaxValue, 64<<10)
	o.MaxMentions = cmp.Or(o.MaxMentions, 100)
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	o.Presence.Grace = max(0, cmp.Or(o.Presence.Grace, 5*time.Second))
	o.Presence.BatchAbove = cmp.Or(o.Presence.BatchAbove, 200)
	o.Presence.CountsAbove = cmp.Or(o.Presence.CountsAbove, 5000)
	o.Presence.MaxData = cmp.Or(o.Presence.MaxData, 1<<10)
	return o
}

// Cluster knows which nodes are alive.
type Cluster interface {
	ID() string
	Nodes() []registry.Node
}

var _ Cluster = (*registry.Registry)(nil)
