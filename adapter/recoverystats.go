package adapter

// RecoveryStats say what connection state recovery keeps on a node.
type RecoveryStats struct {
	Sessions int    // of clients that are here
	Away     int    // of clients that have gone: all of them without Redis, with it those that wait to be written
	Dropped  uint64 // sessions of clients that have gone which ended before their time, because there were too many
	Messages int    // remembered for clients that return
	Bytes    int    // that these take, about
}

// addRecoveries counts what is kept for some namespaces, those of one stream having one history.
func (s *RecoveryStats) addRecoveries(recoveries []*recovery) {
	counted := make(map[*history]bool)
	for _, r := range recoveries {
		s.Sessions += r.count()
		if counted[r.history] {
			continue
		}
		counted[r.history] = true
		messages, bytes := r.history.size()
		s.Messages += messages
		s.Bytes += bytes
	}
}

// RecoveryStats returns what is kept now.
func (m *Memory) RecoveryStats() (s RecoveryStats) {
	m.mu.Lock()
	recoveries := m.recoveries[:len(m.recoveries):len(m.recoveries)]
	m.mu.Unlock()
	s.addRecoveries(recoveries)
	for _, r := range recoveries {
		if store, ok := r.store.(*memorySessions); ok {
			store.mu.Lock()
			s.Away += len(store.kept.byPid)
			s.Dropped += store.dropped
			store.mu.Unlock()
		}
	}
	return s
}

// RecoveryStats returns what is kept now; nothing without connection state recovery.
func (r *Redis) RecoveryStats() (s RecoveryStats) {
	if r.sessions == nil {
		return s
	}
	r.sessions.mu.Lock()
	recoveries := r.sessions.recoveries[:len(r.sessions.recoveries):len(r.sessions.recoveries)]
	s.Away, s.Dropped = len(r.sessions.gone.byPid), r.sessions.dropped
	r.sessions.mu.Unlock()
	s.addRecoveries(recoveries)
	return s
}
