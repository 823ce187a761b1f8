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
		opts := memory.Options{Limits: chatLimits(&n.cfg.Chat)}
		if n.webhooks != nil {
			opts.Targets, opts.Tell = n.webhooks.targets, n.webhooks.memory.Tell
		}
		store := memory.New(opts)
		n.metrics.watchChatMemory(store)
		return store
	}
	opts := redis.Options{
		Client: n.redis.Client(), Nodes: n.nodes, Prefix: n.cfg.Cluster.Redis.Prefix, Logger: n.log, Limits: chatLimits(&n.cfg.Chat),
	}
	if n.webhooks != nil {
		opts.Targets = n.webhooks.targets
	}
	store := redis.New(opts)
	n.metrics.watchChatStore(store.Stats())
	return store
}

// chatLimits returns the bounds of the store.
func chatLimits(c *config.ChatConfig) chat.Limits {
	l := &c.Limits
	return chat.Limits{
		Rooms:         int(l.Rooms),
		Remember:      c.Idempotency,
		RememberedIDs: int(l.RememberedIDs),
		ReactionKeys:  int(l.ReactionKeys),
		Reactions:     int(l.Reactions),
		MessageBytes:  l.Text,
		StatusBytes:   int(c.Presence.MaxData),
		Markers:       int(l.Markers),
		Bars:          int(l.Bars),
		Reports:       int(l.Reports),
		MentionsOfOne: int(l.Mentions),
		OnceKeys:      int(l.OnceIDs),
	}
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
		MaxMentions:        int(c.Limits.Mentions),
		DirectHistory:      boundsOf(c.Direct.History),
		Presence: chat.PresenceOptions{
			Grace:       c.Presence.Grace,
			BatchAbove:  int(c.Presence.BatchAbove),
			CountsAbove: int(c.Presence.CountsAbove),
			MaxData:     int(c.Presence.MaxData),
		},
		OnUnknown: n.cfg.OnUnknown,
		Peers:     n.others.There,
		Logger:    n.log,
	}
	if n.webhooks != nil {
		opts.Targets = n.webhooks.targets
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
	m.counter("chorus_chat_unnoticed_total", "Things that back ends are not told of by webhooks, because the queue did not take them.", stats.Unnoticed.Load)
	m.counter("chorus_chat_untold_total", "Users who came or went without on_join and on_leave, because the room is large.", stats.Untold.Load)
	m.gauge("chorus_chat_rooms", "Rooms and conversations in which clients of this node are.", func() float64 { return float64(c.Rooms()) })
	m.gauge("chorus_chat_declared_events", "Declared events.", func() float64 { return float64(c.Declared()) })
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

// watchChatMemory is about the state of the chat product in the memory of a node that is alone.
func (m *metrics) watchChatMemory(store *memory.Store) {
	for _, g := range []struct {
		name, help string
		value      func(memory.Stats) float64
	}{
		{"logs", "Rooms and conversations with a history, on a node without Redis.", func(s memory.Stats) float64 { return float64(s.Logs) }},
		{"messages", "Messages in them.", func(s memory.Stats) float64 { return float64(s.Messages) }},
		{"bytes", "Bytes that these take, about.", func(s memory.Stats) float64 { return float64(s.Bytes) }},
		{"ids", "Remembered ids of messages that are kept no more or never were.", func(s memory.Stats) float64 { return float64(s.IDs) }},
		{"markers", "Users with read markers.", func(s memory.Stats) float64 { return float64(s.Markers) }},
		{"waiting", "Changes that wait to be told.", func(s memory.Stats) float64 { return float64(s.Waiting) }},
	} {
		m.gauge("chorus_chat_memory_"+g.name, g.help, func() float64 { return g.value(store.Stats()) })
	}
}
