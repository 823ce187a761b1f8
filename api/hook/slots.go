package hook

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// userShare is the part of all slots that one user may hold.
const userShare = 8

// slots bound how many questions are under way, over all and of each user. Who waits is served in order, but for users
// who have their share.
type slots struct {
	mu      sync.Mutex
	size    int
	free    int
	share   int
	held    map[string]int // by user
	waiting list.List      // of *waiter
}

type waiter struct {
	user  string
	ready chan struct{}
}

func newSlots(size int) *slots {
	return &slots{size: size, free: size, share: max(1, size/userShare), held: make(map[string]int)}
}

// take waits for a slot, at most so long.
func (s *slots) take(ctx context.Context, user string, patience time.Duration) bool {
	s.mu.Lock()
	if s.free > 0 && s.held[user] < s.share {
		s.hold(user)
		s.mu.Unlock()
		return true
	}
	w := &waiter{user: user, ready: make(chan struct{})}
	place := s.waiting.PushBack(w)
	s.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.ready:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-w.ready: // at the last moment
		return true
	default:
		s.waiting.Remove(place)
		return false
	}
}

// hold gives a slot away; the mutex is held.
func (s *slots) hold(user string) {
	s.free--
	s.held[user]++
}

// give returns a slot to the first who waits and may have it.
func (s *slots) give(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	if s.held[user]--; s.held[user] == 0 {
		delete(s.held, user)
	}
	for place := s.waiting.Front(); place != nil; place = place.Next() {
		w, _ := place.Value.(*waiter)
		if s.held[w.user] < s.share {
			s.waiting.Remove(place)
			s.hold(w.user)
			close(w.ready)
			return
		}
	}
}

func (s *slots) counts() (underWay, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size - s.free, s.waiting.Len()
}
