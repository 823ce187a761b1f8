package engine

import "bytes"

// held gathers the parts of a message that the library writes one by one. A Socket.IO packet with
// attachments is a text that says how many binary messages follow (Socket.IO protocol: packet
// encoding), and nothing may come between them, no broadcast either. Conn.mu guards it.
type held struct {
	parts   []Part
	missing int
	done    []func() // to be called when the parts are written
}

// send sends a part, alone or, when it is one of several, with the last of them.
func (c *Conn) send(p Part, noCompress bool, done func()) {
	complete := c.gather(p, done)
	if len(complete.parts) == 0 {
		return
	}
	m := NewMessage(MessageOptions{NoCompress: noCompress}, complete.parts...)
	if len(complete.done) > 0 {
		m.done = func() {
			for _, done := range complete.done {
				done()
			}
		}
	}
	c.SendMessage(m)
}

// gather returns the parts that can be sent now.
func (c *Conn) gather(p Part, done func()) (complete held) {
	announced := 0
	if !p.Binary {
		announced = attachments(p.Data)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &c.held
	if announced > 0 {
		// One that was never completed goes as it is: the client will complain.
		complete, *h = *h, held{missing: announced}
		h.add(p.clone(), done)
		return complete
	}
	if h.missing > 1 && p.Binary {
		h.missing--
		h.add(p.clone(), done)
		return held{}
	}
	complete, *h = *h, held{}
	complete.add(p, done)
	return complete
}

func (h *held) add(p Part, done func()) {
	h.parts = append(h.parts, p)
	if done != nil {
		h.done = append(h.done, done)
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
