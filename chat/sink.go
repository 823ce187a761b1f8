package chat

import (
	"log/slog"

	"chorus/chat/store"
)

// sink passes on what the feed of the store brings to the parts of the chat that it concerns.
type sink struct{ *Chat }

var _ store.Sink = sink{}

// Logged implements store.Sink.
func (s sink) Logged(r *store.Record) { s.clients.Lanes.Logged(r) }

// Present implements store.Sink.
func (s sink) Present(room string, change *store.PresenceChange) {
	s.clients.Lanes.Present(room, change)
}

// Barred implements store.Sink.
func (s sink) Barred(topic string) { s.moderation.Barred(topic) }

// Signalled implements store.Sink.
func (s sink) Signalled(topic string, data []byte) {
	if !s.cluster.Asked(topic, data) && !s.moderation.Noticed(topic, data) {
		s.clients.Lanes.Signalled(topic, data)
	}
}

// Lost implements store.Sink. A client that needs what was missed sees a gap in seq and asks for the history.
func (s sink) Lost(topic string) {
	s.clients.Stats().Lost.Add(1)
	s.clients.Options.Logger.Warn("messages of a room were missed and are not kept any more", slog.String("room", topic))
}
