package chat

import (
	"log/slog"

	"chorus/chat/store"
)

// sink receives what the feed of the store brings, and passes it on to the sockets of this node.
type sink struct{ *Chat }

var _ store.Sink = sink{}

// Logged implements Sink.
func (s sink) Logged(r *store.Record) {
	s.lanes.Logged(r)
}

// Present implements Sink.
func (s sink) Present(room string, change *store.PresenceChange) {
	s.lanes.Present(room, change)
}

// Barred implements Sink.
func (s sink) Barred(topic string) { s.tasks.Go(func() { s.barred(topic) }) } // ends when the clients have left

// Signalled implements Sink.
func (s sink) Signalled(topic string, data []byte) {
	if !s.asked(topic, data) && !s.noticed(topic, data) {
		s.lanes.Signalled(topic, data)
	}
}

// Lost implements Sink. A client that needs what was missed sees a gap in seq and asks for the history.
func (s sink) Lost(topic string) {
	s.stats.Lost.Add(1)
	s.opts.Logger.Warn("messages of a room were missed and are not kept any more", slog.String("room", topic))
}
