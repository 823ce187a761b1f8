package node

import "chorus/chat"

// chatOptions returns those of the chat product.
func (n *Node) chatOptions() chat.Options {
	c := &n.cfg.Chat
	return chat.Options{
		Open:               n.gatekeeper == nil,
		MaxRooms:           int(n.cfg.MaxRooms),
		TotalOrder:         n.cfg.TotalOrder(),
		Meta:               c.Meta,
		PublishWithoutJoin: !c.PublishNeedsJoin,
		NameClaim:          c.NameClaim,
		OnUnknown:          n.cfg.OnUnknown,
		Logger:             n.log,
	}
}

// watchChat is about the chat product.
func (m *metrics) watchChat(c *chat.Chat) {
	m.counter("chorus_chat_unknown_events_total", "Events of clients that nobody handles.", c.Stats().Unknown.Load)
	m.registry.MustRegister(&refusals{stats: c.Stats()})
}
