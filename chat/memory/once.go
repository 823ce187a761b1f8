package memory

import (
	"context"
	"fmt"
	"time"

	"chorus/chat/store"
)

// onceHeld is how long a thing is under way at most.
const onceHeld = 10 * time.Second

// once is a thing that is done once. answer is valid when done is closed; nil stands for a failure.
type once struct {
	digest string
	done   chan struct{}
	answer []byte
	until  time.Time
}

// Begin implements store.Once.
func (s *Store) Begin(ctx context.Context, key, digest string, _ time.Duration) ([]byte, error) {
	timeout := time.NewTimer(onceHeld)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		o := s.once[key]
		if o == nil || !o.until.After(time.Now()) {
			s.once[key] = &once{digest: digest, done: make(chan struct{}), until: time.Now().Add(onceHeld)}
			s.remember(key)
			s.mu.Unlock()
			return nil, nil
		}
		s.mu.Unlock()
		if o.digest != digest {
			return nil, &store.ConflictError{Reason: "the id is that of another message"}
		}
		select {
		case <-o.done:
			if o.answer != nil {
				return o.answer, nil
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
		case <-timeout.C:
			return nil, fmt.Errorf("%w: it has been under way for too long", store.ErrUnavailable)
		}
	}
}

// remember bounds the things. The mutex is held.
func (s *Store) remember(key string) {
	s.onceKeys = append(s.onceKeys, key)
	now := time.Now()
	for len(s.onceKeys) > 1 {
		oldest := s.once[s.onceKeys[0]]
		if oldest != nil && oldest.until.After(now) && len(s.onceKeys) <= s.limits.OnceKeys {
			return
		}
		if s.onceKeys[0] != key {
			delete(s.once, s.onceKeys[0])
		}
		s.onceKeys = s.onceKeys[1:]
	}
}

// Finish implements store.Once.
func (s *Store) Finish(_ context.Context, key, _ string, answer []byte, keep time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.once[key]
	if o == nil {
		return nil
	}
	select {
	case <-o.done:
		return nil // done already
	default:
	}
	o.answer, o.until = answer, time.Now().Add(keep)
	if answer == nil {
		delete(s.once, key)
	}
	close(o.done)
	return nil
}
