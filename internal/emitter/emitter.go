// Package emitter has the event emitter of the codec's decoders, the engine's connections and the library's sockets.
package emitter

import (
	"reflect"
	"slices"
	"sync"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Emitter does what the library wants of a types.EventEmitter. The library's own one takes 450 bytes
// in 12 pieces for the first listener, and every connection has several.
// The zero value is an emitter without listeners. It is safe for concurrent use.
type Emitter struct {
	mu        sync.Mutex
	listeners []listener // replaced, never changed, so that an emit can go on with what it has
}

type listener struct {
	event types.EventName
	call  types.EventListener
	once  *sync.Once
}

var _ types.EventEmitter = (*Emitter)(nil)

// On registers listeners of an event.
func (e *Emitter) On(event types.EventName, calls ...types.EventListener) error {
	e.add(event, calls, false)
	return nil
}

// AddListener is On.
func (e *Emitter) AddListener(event types.EventName, calls ...types.EventListener) error {
	return e.On(event, calls...)
}

// Once registers listeners for the next time that the event comes.
func (e *Emitter) Once(event types.EventName, calls ...types.EventListener) error {
	e.add(event, calls, true)
	return nil
}

// First registers a listener for the next time that the event comes. It is called before those that are registered now.
func (e *Emitter) First(event types.EventName, call types.EventListener) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listeners = append([]listener{{event: event, call: call, once: new(sync.Once)}}, e.listeners...)
}

func (e *Emitter) add(event types.EventName, calls []types.EventListener, once bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	listeners := make([]listener, len(e.listeners), len(e.listeners)+len(calls)) // without room for more: few come later
	copy(listeners, e.listeners)
	for _, call := range calls {
		if call == nil {
			continue
		}
		l := listener{event: event, call: call}
		if once {
			l.once = new(sync.Once)
		}
		listeners = append(listeners, l)
	}
	e.listeners = listeners
}

// Emit calls the listeners of an event in the order in which they were registered.
func (e *Emitter) Emit(event types.EventName, args ...any) {
	for _, l := range e.snapshot() {
		switch {
		case l.event != event:
		case l.once == nil:
			l.call(args...)
		default:
			l.once.Do(func() {
				e.remove(func(other listener) bool { return other.once == l.once })
				l.call(args...)
			})
		}
	}
}

// EventNames returns the events that have listeners.
func (e *Emitter) EventNames() []types.EventName {
	var names []types.EventName
	for _, l := range e.snapshot() {
		if !slices.Contains(names, l.event) {
			names = append(names, l.event)
		}
	}
	return names
}

// Listeners returns the listeners of an event.
func (e *Emitter) Listeners(event types.EventName) []types.EventListener {
	var calls []types.EventListener
	for _, l := range e.snapshot() {
		if l.event == event {
			calls = append(calls, l.call)
		}
	}
	return calls
}

// ListenerCount returns how many listeners an event has.
func (e *Emitter) ListenerCount(event types.EventName) (n int) {
	for _, l := range e.snapshot() {
		if l.event == event {
			n++
		}
	}
	return n
}

// Len returns how many events have listeners.
func (e *Emitter) Len() int { return len(e.EventNames()) }

// RemoveListener removes a listener of an event, and reports whether it was there.
func (e *Emitter) RemoveListener(event types.EventName, call types.EventListener) bool {
	if call == nil {
		return false
	}
	id := idOf(call)
	return e.remove(func(l listener) bool { return l.event == event && idOf(l.call) == id })
}

// RemoveAllListeners removes the listeners of an event, and reports whether there were any.
func (e *Emitter) RemoveAllListeners(event types.EventName) bool {
	return e.remove(func(l listener) bool { return l.event == event })
}

// Clear removes all listeners.
func (e *Emitter) Clear() { e.remove(func(listener) bool { return true }) }

func (e *Emitter) remove(match func(listener) bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := len(e.listeners)
	e.listeners = slices.DeleteFunc(slices.Clone(e.listeners), match)
	return len(e.listeners) < before
}

func (e *Emitter) snapshot() []listener {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.listeners
}

// idOf returns the address of a function's code. The methods of two values have the same one, which
// is how the library compares as well.
func idOf(call types.EventListener) uintptr { return reflect.ValueOf(call).Pointer() }
