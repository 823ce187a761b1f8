package engine

import "bytes"

// held gathers the parts of a message that the library writes one by one. A Socket.IO packet with
// attachments is a text that says how many binary messages follow (Socket.IO protocol: packet
// encoding), and nothing may come between them, no broadcast either. Conn.mu guards it.
type held struct {
	parts   []Part
	missing int
}

// send sends a part, alone or, when it is one of several, with the last of them.
func (c *Conn) send(p Part, noCompress bool, done func()) {
	parts := c.complete(p)
	if len(parts) == 0 {
		return
	}
	m := NewMessage(MessageOptions{NoCompress: noCompress}, parts...)
	m.done = done
	c.SendMessage(m)
}

// complete returns the parts that can be sent now.
func (c *Conn) complete(p Part) []Part {
	announced := 0
	if !p.Binary {
		announced = attachments(p.Data)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &c.held
	switch {
	case announced > 0:
		// One that was never completed goes as it is: the client will complain.
		incomplete := h.parts
		h.parts, h.missing = []Part{p.clone()}, announced
		return incomplete
	case h.missing > 0 && p.Binary:
		h.parts = append(h.parts, p.clone())
		if h.missing--; h.missing > 0 {
			return nil
		}
		parts := h.parts
		*h = held{}
		return parts
	case h.missing > 0:
		parts := append(h.parts, p)
		*h = held{}
		return parts
	default:
		return []Part{p}
	}
}

func (p Part) clone() Part { return Part{Data: bytes.Clone(p.Data), Binary: p.Binary} }

// attachments returns how many binary messages belong to a text: n of "5n-" and "6n-".
func attachments(text []byte) int {
	if len(text) < 3 || text[0] != '5' && text[0] != '6' {
		return 0
	}
	n := 0
	for i, c := range text[1:] {
		switch {
		case c == '-' && i > 0:
			return n
		case c < '0' || c > '9' || n > 1000:
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return 0
}
