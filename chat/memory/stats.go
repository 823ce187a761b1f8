package memory

// Stats say how much a store holds.
type Stats struct {
	Logs     int   // rooms and conversations with messages
	Messages int   // in them
	Bytes    int64 // that these take, about
	IDs      int   // remembered of messages that are gone, and of messages that were never kept
	Rooms    int   // with users
	Markers  int   // users with read markers
	Waiting  int   // calls of the sink
}

// Stats counts what the store holds now.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := Stats{Logs: len(s.logs), IDs: len(s.once), Rooms: len(s.rooms), Markers: len(s.markers), Waiting: len(s.waiting)}
	for _, l := range s.logs {
		stats.Messages += len(l.messages)
		stats.Bytes += l.bytes
		stats.IDs += len(l.trimmed)
	}
	return stats
}
