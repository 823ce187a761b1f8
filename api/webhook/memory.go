package webhook

import (
	"container/list"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"chorus/chat/notice"
)

// Memory is the queue of a target in the memory of a node that is alone. It is lost with the process.
type Memory struct {
	name     string
	most     int
	maxBytes int64
	wake     chan struct{} // there is something new; holds one

	mu     sync.Mutex
	queue  *list.List               // of *Event
	places map[string]*list.Element // by position
	fresh  []*list.Element          // that Next has not returned
	last   map[string]string        // fold -> position of the last event about it
	bytes  int64
	end    int64 // milliseconds of the last position
	count  int64 // of positions within them
	told   int64
	dead   []deadText // the oldest first
	off    time.Time
	status Status
}

var (
	_ Queue = (*Memory)(nil)
	_ Admin = (*Memory)(nil)
)

// NewMemory returns the queue of a target.
func NewMemory(target notice.Target) *Memory {
	return &Memory{
		name: target.Name, most: target.MaxBacklog, maxBytes: target.MaxBytes, wake: make(chan struct{}, 1),
		queue: list.New(), places: make(map[string]*list.Element), last: make(map[string]string),
	}
}

// Put adds an event. It does not block.
func (m *Memory) Put(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(e)
}

// put is Put; the mutex is held.
func (m *Memory) put(e Event) {
	if at := m.places[m.last[e.Fold]]; e.Fold != "" && at != nil && m.full(2) {
		m.remove(at)
		m.status.Folded++
	}
	for m.full(1) && m.queue.Len() > 0 {
		m.drop()
	}
	if now := time.Now().UnixMilli(); now > m.end {
		m.end, m.count = now, 0
	}
	e.Pos = fmt.Sprintf("%d-%d", m.end, m.count)
	m.count++
	at := m.queue.PushBack(&e)
	m.places[e.Pos] = at
	m.fresh = append(m.fresh, at)
	m.bytes += sizeOf(&e)
	if e.Fold != "" {
		m.last[e.Fold] = e.Pos
	}
	select {
	case m.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

func sizeOf(e *Event) int64 { return int64(len(e.Data)) + 200 }

// full reports whether the queue has reached a part of its bounds; the mutex is held.
func (m *Memory) full(part int) bool {
	return m.queue.Len() >= m.most/part || m.bytes >= m.maxBytes/int64(part)
}

// drop makes room: states that a later event tells go first, then the oldest event that is about no state, then the oldest
// one. The mutex is held.
func (m *Memory) drop() {
	var victim *list.Element
	folded := false
	for at := m.queue.Front(); at != nil; {
		next := at.Next()
		e := eventAt(at)
		switch {
		case e.Fold != "" && m.last[e.Fold] != e.Pos:
			m.remove(at)
			m.status.Folded++
			folded = true
		case e.Fold == "" && victim == nil:
			victim = at
		}
		at = next
	}
	if folded {
		return
	}
	if victim == nil {
		victim = m.queue.Front()
	}
	m.remove(victim)
	m.status.Dropped++
}

func eventAt(at *list.Element) *Event {
	e, _ := at.Value.(*Event)
	return e
}

// remove takes an event out; the mutex is held.
func (m *Memory) remove(at *list.Element) {
	e := eventAt(at)
	if e.Fold != "" && m.last[e.Fold] == e.Pos {
		delete(m.last, e.Fold)
	}
	delete(m.places, e.Pos)
	m.bytes -= sizeOf(e)
	m.queue.Remove(at)
}

// Hold implements Queue.
func (m *Memory) Hold(_ context.Context, begin bool) (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if begin {
		m.fresh = nil
		for at := m.queue.Front(); at != nil; at = at.Next() {
			m.fresh = append(m.fresh, at)
		}
	}
	return State{Held: true, Off: !m.off.IsZero(), Dropped: int(m.status.Dropped - m.told)}, nil
}

// Next implements Queue.
func (m *Memory) Next(ctx context.Context, limit int) ([]Event, error) {
	timer := time.NewTimer(readWait)
	defer timer.Stop()
	for {
		if events := m.take(limit); len(events) > 0 {
			return events, nil
		}
		select {
		case <-m.wake:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (m *Memory) take(limit int) []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	var events []Event
	for len(m.fresh) > 0 && len(events) < limit {
		e := *eventAt(m.fresh[0])
		m.fresh[0] = nil
		m.fresh = m.fresh[1:]
		if m.places[e.Pos] != nil {
			e.Data = ""
			events = append(events, e)
		}
	}
	return events
}

// Load implements Queue.
func (m *Memory) Load(_ context.Context, events []*Event) ([]*Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	loaded := make([]*Event, len(events))
	for i, e := range events {
		if at := m.places[e.Pos]; at != nil {
			loaded[i] = eventAt(at)
		}
	}
	return loaded, nil
}

// Settle implements Queue.
func (m *Memory) Settle(_ context.Context, o *Outcome) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now().UTC()
	for _, e := range slices.Concat(o.Delivered, o.Folded, o.Dead) {
		if at := m.places[e.Pos]; at != nil {
			m.remove(at)
		}
	}
	m.status.Delivered += int64(len(o.Delivered))
	m.status.Folded += int64(len(o.Folded))
	for _, e := range o.Dead {
		m.dead = append(m.dead, deadText{*e, now.UnixMilli(), o.Failure})
	}
	m.dead = slices.DeleteFunc(m.dead, func(d deadText) bool { return d.Died < now.Add(-deadFor).UnixMilli() })
	m.dead = m.dead[max(0, len(m.dead)-deadMost):]
	if o.Failure != "" {
		m.status.Failed++
		m.status.Error, m.status.ErrorAt = o.Failure, &now
	}
	if o.Off && m.off.IsZero() {
		m.off = now
	}
	if o.Told > 0 && !m.full(1) { // else it would take the place of another one
		m.told += int64(o.Told)
		m.put(Event{ID: newID(), Kind: notice.Dropped, At: now.UnixMilli(), Seq: now.UnixMilli(), Data: `"count":` + strconv.Itoa(o.Told)})
	}
	return nil
}

func newID() string { return "evt_" + rand.Text() }

// Release implements Queue.
func (m *Memory) Release(context.Context) error { return nil }

// Name implements Admin.
func (m *Memory) Name() string { return m.name }

// Status implements Admin.
func (m *Memory) Status(context.Context) (Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.status
	s.Name, s.Backlog, s.Bytes, s.Dead = m.name, m.queue.Len(), m.bytes, len(m.dead)
	if !m.off.IsZero() {
		off := m.off
		s.Off = &off
	}
	if first := m.queue.Front(); first != nil {
		at := time.UnixMilli(eventAt(first).At).UTC()
		s.Oldest = &at
	}
	return s, nil
}

// Dead implements Admin.
func (m *Memory) Dead(_ context.Context, q DeadQuery) (DeadPage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	start := min(max(0, int(int64Of(q.Cursor))), len(m.dead))
	end := min(start+min(limit, deadPage), len(m.dead))
	page := DeadPage{Events: []DeadEvent{}}
	for i := range m.dead[start:end] {
		page.Events = append(page.Events, m.dead[start+i].shown())
	}
	if end < len(m.dead) {
		page.Next = strconv.Itoa(end)
	}
	return page, nil
}

func (d *deadText) shown() DeadEvent {
	return DeadEvent{ID: d.ID, Type: d.Kind, At: time.UnixMilli(d.At).UTC(), Died: time.UnixMilli(d.Died).UTC(), Reason: d.Reason}
}

// Redeliver implements Admin.
func (m *Memory) Redeliver(_ context.Context, r Redelivery) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	m.dead = slices.DeleteFunc(m.dead, func(d deadText) bool {
		shown := d.shown()
		if !slices.Contains(r.IDs, d.ID) && !r.has(&shown) || m.full(1) {
			return false
		}
		e := d.Event
		e.Fold = ""
		m.put(e)
		n++
		return true
	})
	return n, nil
}

// Enable implements Admin.
func (m *Memory) Enable(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.off = time.Time{}
	return nil
}

// Test implements Admin.
func (m *Memory) Test(context.Context) (string, error) {
	now := time.Now().UnixMilli()
	e := Event{ID: newID(), Kind: notice.Test, At: now, Seq: now, Subject: "test", Data: notice.Members(notice.Member{Name: "target", Value: m.name})}
	m.Put(e)
	return e.ID, nil
}

// Memories are the queues of a node that is alone.
type Memories struct {
	targets *notice.Targets
	queues  map[string]*Memory

	mu   sync.Mutex
	seqs map[string]int64
}

// NewMemories returns the queues of targets.
func NewMemories(targets *notice.Targets, list []notice.Target) *Memories {
	m := &Memories{targets: targets, queues: make(map[string]*Memory), seqs: make(map[string]int64)}
	for _, target := range list {
		m.queues[target.Name] = NewMemory(target)
	}
	return m
}

// Of returns the queue of a target.
func (m *Memories) Of(name string) *Memory { return m.queues[name] }

// maxSeqs bounds how many subjects have a counter of their own: one that is forgotten begins with the time, so it counts up.
const maxSeqs = 100_000

// Tell puts a notice into the queues of those who want it. It is for memory.Options.Tell.
func (m *Memories) Tell(n *notice.Notice) {
	subject, now := n.Subject(), time.Now().UnixMilli()
	m.mu.Lock()
	seq, known := m.seqs[subject]
	if !known {
		for other := range m.seqs { // any one gives way
			if len(m.seqs) < maxSeqs {
				break
			}
			delete(m.seqs, other)
		}
		seq = now
	}
	seq++
	m.seqs[subject] = seq
	m.mu.Unlock()
	e := Event{ID: newID(), Kind: n.Kind, At: now, Seq: seq, Subject: subject, Data: n.Members}
	if n.Fold != "" {
		e.Fold = subject + "\x00" + n.Fold
	}
	m.targets.Wanting([]string{n.Kind}, n.Room, func(target *notice.Target, _ []string) { m.queues[target.Name].Put(e) })
}
