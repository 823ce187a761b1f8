package message

import (
	"bytes"
	"sync"
)

// Gatherer gathers the parts of a message that the library writes one by one. A Socket.IO packet with
// attachments is a text that says how many binary messages follow (Socket.IO protocol: packet
// encoding), and nothing may come between them, no broadcast either.
type Gatherer struct {
	mu   sync.Mutex
	held *held // nil while nothing waits
}

type held struct {
	parts   []Part
	missing int
	done    []func() // to be called when the parts are written
}

// Send returns the message that can be sent now, made of a part and those before that belong to it, or nil when others are
// still to come.
func (g *Gatherer) Send(p Part, noCompress bool, done func()) *Message {
	complete := g.gather(p, done)
	if len(complete.parts) == 0 {
		return nil
	}
	opts := Options{NoCompress: noCompress}
	if len(complete.done) > 0 {
		opts.Done = func() {
			for _, done := range complete.done {
				done()
			}
		}
	}
	return New(opts, complete.parts...)
}

// gather returns the parts that can be sent now.
func (g *Gatherer) gather(p Part, done func()) (complete held) {
	announced := 0
	if !p.Binary {
		announced = Attachments(p.Data)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held == nil && announced == 0 { // as nearly always
		complete.add(p, done)
		return complete
	}
	if g.held == nil {
		g.held = &held{}
	}
	if announced > 0 {
		// One that was never completed goes as it is: the client will complain.
		complete, *g.held = *g.held, held{missing: announced}
		g.held.add(p.clone(), done)
		return complete
	}
	if g.held.missing > 1 && p.Binary {
		g.held.missing--
		g.held.add(p.clone(), done)
		return held{}
	}
	complete, g.held = *g.held, nil
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

// Attachments returns how many binary messages belong to a text: n of "5n-" and "6n-".
func Attachments(text []byte) int {
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
