package engine

// Shard returns what writes for the connection.
func (c *Conn) Shard() *shard { return c.shard } //nolint:revive // for tests

// Flushed returns when the shard has done what came before.
func (s *shard) Flushed() {
	done := make(chan struct{})
	s.do(&Conn{}, func(s *shard, _ *Conn) {
		s.flushAll()
		close(done)
	})
	<-done
}

// Held tells whether the client is kept from saying more.
func (c *Conn) Held() bool { return c.flow.Held.Load() }

// Posting tells whether a POST request is being read.
func (c *Conn) Posting() bool { return c.posting.Load() }
