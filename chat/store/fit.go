package store

import (
	"encoding/binary"
	"slices"

	"chorus/codec"
)

// maxAttachments is how many attachments official clients take in one packet. A packet with more ends their connection.
const maxAttachments = codec.DefaultMaxAttachments

// attachments counts those of a message.
func (m *Message) attachments() (n int) {
	if !m.Attach {
		return 0
	}
	for data := m.Value; len(data) > 0; n++ {
		size, head := binary.Uvarint(data)
		if head <= 0 || size > uint64(len(data)-head) { //nolint:gosec // head is at most the length
			break
		}
		data = data[head+int(size):] //nolint:gosec // as above
	}
	return max(n-1, 0) // the first frame is the packet
}

// Fit drops messages from a page until clients take it as one packet: the oldest ones, or with forward the newest. It
// returns false when the changes alone have too many attachments.
func (p *Page) Fit(forward bool) bool {
	room := maxAttachments
	for i := range p.Changes {
		room -= p.Changes[i].attachments()
	}
	if room < 0 {
		return false
	}
	fits := func(m Message) bool {
		room -= m.attachments()
		return room >= 0
	}
	kept := p.Messages
	if forward {
		if i := slices.IndexFunc(kept, func(m Message) bool { return !fits(m) }); i >= 0 {
			kept = kept[:i]
		}
	} else {
		i := len(kept)
		for i > 0 && fits(kept[i-1]) {
			i--
		}
		kept = kept[i:]
	}
	if len(kept) == len(p.Messages) {
		return true
	}
	p.Messages, p.More, p.First, p.Last = kept, true, "", ""
	if n := len(kept); n > 0 {
		p.First, p.Last = kept[0].Cursor, kept[n-1].Cursor
	}
	if forward {
		p.Cursor = p.Last
	}
	return true
}
