package engine

// piece is a message, or the rest of one, that waits for a connection.
type piece struct {
	msg  *Message // nil: a newer one took its place
	off  int      // how much of its frames is written
	size int
}

// backlog is what waits for one connection, in order. It belongs to the shard.
type backlog struct {
	pieces []piece
	size   int
	latest map[string]int // where in pieces the newest message of a name is, counted from base
	base   int            // how many pieces have gone
	gaps   int            // how many pieces were replaced
}

func (b *backlog) empty() bool { return len(b.pieces) == 0 }

// over tells whether more than max bytes wait. One message alone may be larger.
func (b *backlog) over(max int) bool { return b.size > max && len(b.pieces) > 1 }

func (b *backlog) push(p piece) {
	if name := p.msg.opts.Latest; name != "" && p.off == 0 {
		if b.latest == nil {
			b.latest = make(map[string]int)
		}
		b.latest[name] = b.base + len(b.pieces)
	}
	b.pieces = append(b.pieces, p)
	b.size += p.size
}

// replace removes the message of a name, unless a part of it is written, and reports whether there
// was one.
func (b *backlog) replace(name string) bool {
	at, ok := b.latest[name]
	if !ok || at < b.base {
		return false
	}
	p := &b.pieces[at-b.base]
	if p.msg == nil || p.off > 0 || p.msg.opts.Latest != name {
		return false
	}
	b.size -= p.size
	p.msg.sent()
	*p = piece{}
	delete(b.latest, name)
	if b.gaps++; b.gaps > len(b.pieces)/2 {
		b.compact()
	}
	return true
}

// compact closes the gaps.
func (b *backlog) compact() {
	kept := b.pieces[:0]
	for _, p := range b.pieces {
		if p.msg == nil {
			continue
		}
		if name := p.msg.opts.Latest; name != "" && p.off == 0 {
			b.latest[name] = b.base + len(kept)
		}
		kept = append(kept, p)
	}
	clear(b.pieces[len(kept):])
	b.pieces, b.gaps = kept, 0
}

// large returns the bytes of the first that waits when they are min or more: they need not be
// copied to be worth a write.
func (b *backlog) large(min int, e encoding, threshold int) []byte {
	if p := &b.pieces[0]; p.msg != nil && p.size >= min {
		return p.msg.frames(e, threshold)[p.off:]
	}
	return nil
}

// gather appends the bytes of what waits, about max of them or those of one message.
func (b *backlog) gather(to []byte, max int, e encoding, threshold int) []byte {
	start := len(to)
	for i := range b.pieces {
		p := &b.pieces[i]
		if p.msg == nil {
			continue
		}
		frames := p.msg.frames(e, threshold)[p.off:]
		if len(to) > start && len(to)-start+len(frames) > max {
			break
		}
		to = append(to, frames...)
	}
	return to
}

// advance forgets the next n bytes, which are written.
func (b *backlog) advance(n int, e encoding, threshold int) {
	done := 0
	for i := range b.pieces {
		p := &b.pieces[i]
		if p.msg == nil {
			done++
			b.gaps--
			continue
		}
		left := len(p.msg.frames(e, threshold)) - p.off
		if n < left {
			p.off += n
			b.size -= min(n, p.size)
			p.size -= min(n, p.size)
			break
		}
		n -= left
		b.size -= p.size
		p.msg.sent()
		b.forget(p.msg, i)
		done++
	}
	b.drop(done)
}

// take returns the messages that wait, and leaves nothing.
func (b *backlog) take() []*Message {
	messages := make([]*Message, 0, len(b.pieces))
	for _, p := range b.pieces {
		if p.msg != nil {
			messages = append(messages, p.msg)
		}
	}
	*b = backlog{}
	return messages
}

func (b *backlog) forget(m *Message, i int) {
	if name := m.opts.Latest; name != "" && b.latest[name] == b.base+i {
		delete(b.latest, name)
	}
}

func (b *backlog) drop(n int) {
	b.base += n
	if n == len(b.pieces) {
		b.pieces, b.latest, b.gaps = nil, nil, 0
		return
	}
	clear(b.pieces[:n])
	b.pieces = b.pieces[n:]
}
