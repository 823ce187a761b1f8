package engine

// Follow has the engine read no more of the client while more than Options.MaxUnprocessed of its
// messages, or about 1 MiB of them, wait in the queue. Adapters of this project call it for every
// socket that connects.
func (c *Conn) Follow(q Queue) {
	if c.flow.Follow(q) {
		c.joined()
	}
}

// Unfollow ends Follow. Call it when the queue is closed and the socket counts as disconnected:
// until then the session's "close" waits for the queue.
func (c *Conn) Unfollow(q Queue) {
	if c.flow.Unfollow(q) {
		c.left(1)
	}
}

// Queues returns the queues that follow the session.
func (c *Conn) Queues() []Queue { return c.flow.Queues() }
