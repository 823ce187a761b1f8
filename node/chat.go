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
		n.metrics.WatchChatMemory(store)
		return store
	}
	opts := redis.Options{
		Client: n.redis.Client(), Nodes: n.nodes, Prefix: n.cfg.Cluster.Redis.Prefix, Logger: n.log, Limits: chatLimits(&n.cfg.Chat),
	}
	if n.webhooks != nil {
		opts.Targets = n.webhooks.targets
	}
	store := redis.New(opts)
	n.metrics.WatchChatStore(store.Stats())
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
