package outgoing

import "chorus/engine/message"

// Piece is a message, or the rest of one, that waits for a connection.
type Piece struct {
	Msg  *message.Message // nil: a newer one took its place
	Off  int              // how much of its frames is written
	Size int
}

// Backlog is what waits for one connection, in order.
type Backlog struct {
	pieces []Piece
	size   int
	latest map[string]int // where in pieces the newest message of a name is, counted from base
	base   int            // how many pieces have gone
	gaps   int            // how many pieces were replaced
}

// Empty reports whether nothing waits.
func (b *Backlog) Empty() bool { return len(b.pieces) == 0 }

// Size returns the bytes that wait.
func (b *Backlog) Size() int { return b.size }

// Over reports whether more than max bytes wait. One message alone may be larger.
func (b *Backlog) Over(max int) bool { return b.size > max && len(b.pieces) > 1 }

// Push appends a piece.
func (b *Backlog) Push(p Piece) {
	if name := p.Msg.Options().Latest; name != "" && p.Off == 0 {
		if b.latest == nil {
			b.latest = make(map[string]int)
		}
		b.latest[name] = b.base + len(b.pieces)
	}
	b.pieces = append(b.pieces, p)
	b.size += p.Size
}

// Replace removes the message of a name, unless a part of it is written, and reports whether there
// was one.
func (b *Backlog) Replace(name string) bool {
	at, ok := b.latest[name]
	if !ok || at < b.base {
		return false
	}
	p := &b.pieces[at-b.base]
	if p.Msg == nil || p.Off > 0 || p.Msg.Options().Latest != name {
		return false
	}
	b.size -= p.Size
	p.Msg.Sent()
	*p = Piece{}
	delete(b.latest, name)
	if b.gaps++; b.gaps > len(b.pieces)/2 {
		b.compact()
	}
	return true
}

// compact closes the gaps.
func (b *Backlog) compact() {
	kept := b.pieces[:0]
	for _, p := range b.pieces {
		if p.Msg == nil {
			continue
		}
		if name := p.Msg.Options().Latest; name != "" && p.Off == 0 {
			b.latest[name] = b.base + len(kept)
		}
		kept = append(kept, p)
	}
	clear(b.pieces[len(kept):])
	b.pieces, b.gaps = kept, 0
}

// Large returns the bytes of the first that waits when they are min or more: they need not be
// copied to be worth a write.
func (b *Backlog) Large(min int, e message.Encoding, threshold int) []byte {
	if p := &b.pieces[0]; p.Msg != nil && p.Size >= min {
		return p.Msg.Frames(e, threshold)[p.Off:]
	}
	return nil
}

// Gather appends the bytes of what waits, about max of them or those of one message.
func (b *Backlog) Gather(to []byte, max int, e message.Encoding, threshold int) []byte {
	start := len(to)
	for i := range b.pieces {
		p := &b.pieces[i]
		if p.Msg == nil {
			continue
		}
		frames := p.Msg.Frames(e, threshold)[p.Off:]
		if len(to) > start && len(to)-start+len(frames) > max {
			break
		}
		to = append(to, frames...)
	}
	return to
}

// Advance forgets the next n bytes, which are written.
func (b *Backlog) Advance(n int, e message.Encoding, threshold int) {
	done := 0
	for i := range b.pieces {
		p := &b.pieces[i]
		if p.Msg == nil {
			done++
			b.gaps--
			continue
		}
		left := len(p.Msg.Frames(e, threshold)) - p.Off
		if n < left {
			p.Off += n
			b.size -= min(n, p.Size)
			p.Size -= min(n, p.Size)
			break
		}
		n -= left
		b.size -= p.Size
		p.Msg.Sent()
		b.forget(p.Msg, i)
		done++
	}
	b.drop(done)
}

// Take returns the messages that wait, and leaves nothing.
func (b *Backlog) Take() []*message.Message {
	messages := make([]*message.Message, 0, len(b.pieces))
	for _, p := range b.pieces {
		if p.Msg != nil {
			messages = append(messages, p.Msg)
		}
	}
	*b = Backlog{}
	return messages
}

func (b *Backlog) forget(m *message.Message, i int) {
	if name := m.Options().Latest; name != "" && b.latest[name] == b.base+i {
		delete(b.latest, name)
	}
}

func (b *Backlog) drop(n int) {
	b.base += n
	if n == len(b.pieces) {
		b.pieces, b.latest, b.gaps = nil, nil, 0
		return
	}
	clear(b.pieces[:n])
	b.pieces = b.pieces[n:]
}
