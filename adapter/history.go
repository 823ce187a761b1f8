package adapter

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chorus/adapter/wire"
)

// history is how far a node has come in the messages of its cluster, and the last of them, for clients
// that come back and have missed some.
type history struct {
	// mu is held while a message is handed on to the sockets of this node and remembered: who holds it
	// sees no delivery half done.
	mu    sync.Mutex
	kept  []kept        // the oldest first
	bytes int           // that they take
	floor wire.StreamID // all messages after this one are among kept

	limits historyLimits
	// Read without mu: handlers may ask while they are told of a message. What came up to done is handled, also
	// what sockets were made to join or leave.
	last, done atomic.Pointer[wire.StreamID]
}

// historyLimits bound a history; without messages it remembers none.
type historyLimits struct {
	messages int
	bytes    int
	age      time.Duration // before the last one; 0: any
}

// kept is a message that is remembered: the entry of a stream, or what this node has sent by itself.
type kept struct {
	id     wire.StreamID
	entry  *wire.Entry // nil for that
	replay *replay
	size   int
}

// keptEntry is that of an entry.
func keptEntry(e *wire.Entry) kept {
	return kept{id: e.ID, entry: e, replay: &replay{}, size: e.Size()}
}

func newHistory(limits historyLimits) *history {
	h := &history{limits: limits}
	h.last.Store(&wire.StreamID{})
	h.done.Store(&wire.StreamID{})
	return h
}

// position is that of the last message that was handed on.
func (h *history) position() wire.StreamID { return *h.last.Load() }

// handled is the position up to which nothing is half done.
func (h *history) handled() wire.StreamID { return *h.done.Load() }

func (h *history) finish(id wire.StreamID) { h.done.Store(&id) }

// begin forgets all there was: the next message is the one after the position. h.mu is held.
func (h *history) begin(position wire.StreamID) {
	h.kept, h.bytes, h.floor = nil, 0, position
	h.last.Store(&position)
	h.finish(position)
}

// add remembers the next message; h.mu is held.
func (h *history) add(k kept) {
	h.last.Store(&k.id)
	if h.limits.messages <= 0 {
		h.floor = k.id
		return
	}
	h.kept = append(h.kept, k)
	h.bytes += k.size
	for len(h.kept) > 0 && h.isOld(&h.kept[0]) {
		h.floor = h.kept[0].id
		h.bytes -= h.kept[0].size
		h.kept[0] = kept{} // what it refers to is freed now, its place when the slice grows
		h.kept = h.kept[1:]
	}
}

func (h *history) isOld(k *kept) bool {
	return len(h.kept) > h.limits.messages || h.bytes > h.limits.bytes ||
		h.limits.age > 0 && k.id.Ms+uint64(h.limits.age.Milliseconds()) < h.position().Ms //nolint:gosec // it is positive
}

// after returns the next messages after an id, up to so many, and whether these are all; remembered is false
// when some are forgotten. h.mu is held. The messages do not change.
func (h *history) after(id wire.StreamID, limit int) (next []kept, all, remembered bool) {
	if id.Compare(h.floor) < 0 {
		return nil, false, false
	}
	i, found := slices.BinarySearchFunc(h.kept, id, func(k kept, id wire.StreamID) int { return k.id.Compare(id) })
	if found {
		i++
	}
	rest := h.kept[i:]
	return slices.Clone(rest[:min(limit, len(rest))]), len(rest) <= limit, true
}

// size returns how much is remembered.
func (h *history) size() (messages, bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.kept), h.bytes
}

// reaches tells whether all messages after an id, which has come by here, are remembered.
func (h *history) reaches(id wire.StreamID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return id.Compare(h.floor) >= 0 && id.Compare(h.position()) <= 0
}
