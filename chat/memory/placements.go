package memory

import (
	"context"
	"slices"
	"time"

	"chorus/chat/store"
)

// Place implements store.Placements.
func (s *Store) Place(_ context.Context, user, room string, within time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endPlacements(user)
	rooms := s.placed[user]
	if within <= 0 {
		if delete(rooms, room); len(rooms) == 0 {
			delete(s.placed, user)
		}
		return nil
	}
	if _, known := rooms[room]; !known && len(rooms) >= s.limits.Placements {
		return &store.LimitError{Limit: int64(s.limits.Placements), What: "rooms for sockets of a user that are to come"}
	}
	if rooms == nil {
		rooms = make(map[string]time.Time)
		s.placed[user] = rooms
		time.AfterFunc(within, func() { // the user may never come
			s.mu.Lock()
			defer s.mu.Unlock()
			s.endPlacements(user)
		})
	}
	rooms[room] = time.Now().Add(within)
	return nil
}

// Placed implements store.Placements.
func (s *Store) Placed(_ context.Context, user string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endPlacements(user)
	rooms := make([]string, 0, len(s.placed[user]))
	for room := range s.placed[user] {
		rooms = append(rooms, room)
	}
	slices.Sort(rooms)
	return rooms, nil
}

// endPlacements drops what is over. The mutex is held.
func (s *Store) endPlacements(user string) {
	rooms := s.placed[user]
	for room, until := range rooms {
		if !until.After(time.Now()) {
			delete(rooms, room)
		}
	}
	if len(rooms) == 0 {
		delete(s.placed, user)
	}
}
