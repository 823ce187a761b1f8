package node

import (
	"chorus/chat"
	"chorus/chat/memory"
	"chorus/chat/redis"
	"chorus/node/config"
)

// chatStore returns what keeps the state of the chat product: the Redis of the cluster, or the memory of a node that is
// alone.
func (n *Node) chatStore() chat.Store {
	if n.redis == nil {
		return memory.New(memory.Options{})
	}
	store := redis.New(redis.Options{Client: n.redis.sharedClient(), Nodes: n.nodes, Prefix: n.cfg.Cluster.Redis.Prefix, Logger: n.log})
	n.metrics.watchChatStore(store.Stats())
	return store
}

// chatOptions returns those of the chat product.
func (n *Node) chatOptions() (chat.Options, error) {
	c := &n.cfg.Chat
	rooms, err := roomPolicies(c.Rooms)
	if err != nil {
		return chat.Options{}, err
	}
	events, onConnect, err := ownEvents(&n.cfg)
	if err != nil {
		return chat.Options{}, err
	}
	opts := chat.Options{
		Rooms:              rooms,
		Events:             events,
		OnConnect:          onConnect,
		Relay:              n.cfg.Relay,
		Store:              n.chatStore(),
		Nodes:              n.nodes,
		Open:               n.auth == nil,
		MaxRooms:           int(n.cfg.MaxRooms),
		TotalOrder:         n.cfg.TotalOrder(),
		Meta:               c.Meta,
		PublishWithoutJoin: !c.PublishNeedsJoin,
		NameClaim:          c.NameClaim,
		Idempotency:        c.Idempotency,
		Typing:             c.Typing,
		MaxValue:           int(c.MaxValue),
		DirectHistory:      boundsOf(c.Direct.History),
		Presence: chat.PresenceOptions{
			Grace:       c.Presence.Grace,
			BatchAbove:  int(c.Presence.BatchAbove),
			CountsAbove: int(c.Presence.CountsAbove),
			MaxData:     int(c.Presence.MaxData),
		},
		OnUnknown: n.cfg.OnUnknown,
		Logger:    n.log,
	}
	if c.Presence.Grace == 0 {
		opts.Presence.Grace = -1 // none
	}
	return opts, nil
}

func boundsOf(h config.HistoryConfig) chat.Bounds {
	return chat.Bounds{Messages: int(h.Messages), Age: h.Age, Bytes: h.Bytes}
}

// watchChat is about the chat product.
func (m *metrics) watchChat(c *chat.Chat) {
	stats := c.Stats()
	m.counter("chorus_chat_unknown_events_total", "Events of clients that nobody handles.", stats.Unknown.Load)
	m.counter("chorus_chat_lost_total", "Rooms of which a message was missed and is not kept any more.", stats.Lost.Load)
	m.counter("chorus_chat_untold_total", "Users who came or went without on_join and on_leave, because the room is large.", stats.Untold.Load)
	m.gauge("chorus_chat_rooms", "Rooms and conversations in which clients of this node are.", func() float64 { return float64(c.Rooms()) })
	m.registry.MustRegister(&refusals{stats: stats})
}

// watchChatStore is about the state of the chat product in Redis.
func (m *metrics) watchChatStore(stats *redis.Stats) {
	for _, c := range []struct {
		name, help string
		value      func() uint64
	}{
		{"gaps", "Rooms of which messages were read again after the connection to Redis was lost.", stats.Gaps.Load},
		{"malformed", "Messages from Redis about the state of rooms that were not understood.", stats.Malformed.Load},
		{"signals_dropped", "Signals about typing that were dropped because too many waited.", stats.SignalsDropped.Load},
		{"overloaded", "Requests to Redis that were refused because too many waited.", stats.Overloaded.Load},
		{"errors", "Requests that Redis did not do.", stats.Errors.Load},
		{"disconnects", "Losses of the connection that listens.", stats.Disconnects.Load},
		{"cleaned", "Users who left their rooms because their node died.", stats.Cleaned.Load},
	} {
		m.counter("chorus_chat_store_"+c.name+"_total", c.help, c.value)
	}
}
