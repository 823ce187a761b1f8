package webhook

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// line has the events of one subject, in order.
type line struct {
	subject  string
	events   []*Event
	attempts int
	lost     bool // no answer came to the last attempt
	due      time.Time
	busy     bool
}

// parcel has the next events of a line, those that go as well included.
type parcel struct {
	line           *line
	events, folded []*Event
}

// take adds events to the lines of their subjects.
func (c *courier) take(events []Event) {
	for i := range events {
		e := &events[i]
		l := c.lines[e.Subject]
		if l == nil {
			l = &line{subject: e.Subject}
			c.lines[e.Subject] = l
			c.ready = append(c.ready, l)
		}
		l.events = append(l.events, e)
		c.known++
	}
}

// pack takes the next events: one, or as many as a request may have. Of a line that has failed, events go that a later one
// made unnecessary.
func (c *courier) pack() []parcel {
	most := max(1, c.target.Batch)
	var parcels []parcel
	for most > 0 && len(c.ready) > 0 {
		l := c.ready[0]
		c.ready[0] = nil
		c.ready = c.ready[1:]
		if len(l.events) == 0 { // they were given up
			delete(c.lines, l.subject)
			continue
		}
		p := parcel{line: l}
		superseded := l.superseded()
		for i, e := range l.events {
			if superseded[i] {
				p.folded = append(p.folded, e)
				continue
			}
			if most == 0 {
				break
			}
			p.events = append(p.events, e)
			most--
		}
		l.busy = true
		parcels = append(parcels, p)
	}
	return parcels
}

// superseded returns which events of a line that has failed are about a state of which a later one tells.
func (l *line) superseded() map[int]bool {
	if l.attempts == 0 {
		return nil
	}
	known, found := make(map[string]bool), make(map[int]bool)
	for i := len(l.events) - 1; i >= 0; i-- {
		fold := l.events[i].Fold
		if fold != "" && known[fold] {
			found[i] = true
		}
		known[fold] = true
	}
	return found
}

// advance drops what was delivered.
func (c *courier) advance(p parcel) {
	l, done := p.line, make(map[*Event]bool, len(p.events)+len(p.folded))
	for _, e := range slices.Concat(p.events, p.folded) {
		done[e] = true
	}
	l.events = slices.DeleteFunc(l.events, func(e *Event) bool { return done[e] })
	c.known -= len(done)
	l.busy, l.attempts, l.lost = false, 0, false
	if len(l.events) == 0 {
		delete(c.lines, l.subject)
		return
	}
	c.ready = append(c.ready, l)
}

// queuedAt is when an event came into the queue, in milliseconds since 1970.
func queuedAt(e *Event) int64 {
	text, _, _ := strings.Cut(e.Pos, "-")
	at, _ := strconv.ParseInt(text, 10, 64) // queues write numbers
	return at
}
