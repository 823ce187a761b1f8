package session

import "chorus/adapter/history"

// Stats are the figures of the sessions on a server: what it keeps now, and counters since it was made.
type Stats struct {
	Sessions int    // of clients that are here
	Away     int    // of clients that have gone: all of them without Redis, with it those that wait to be written
	Dropped  uint64 // sessions of clients that have gone which ended before their time, because there were too many
	Unkept   uint64 // times that a session was not kept: too large, or refused by Redis
	Messages int    // remembered for clients that return
	Bytes    int    // that these take, about
}

// Stats returns the figures of the sessions; zeros for a nil keeper.
func (k *Keeper) Stats() Stats {
	if k == nil {
		return Stats{}
	}
	s := k.store.stats()
	counted := make(map[*history.Log]bool) // several namespaces may be in one stream
	for _, r := range k.all() {
		s.Sessions += len(r.live())
		if counted[r.history] {
			continue
		}
		counted[r.history] = true
		messages, bytes := r.history.Size()
		s.Messages += messages
		s.Bytes += bytes
	}
	return s
}
