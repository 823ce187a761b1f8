package memory

import (
	"context"
	"maps"
	"slices"
)

// EachLog implements store.Log.
func (s *Store) EachLog(_ context.Context, fn func(log string) error) error {
	s.mu.Lock()
	names := slices.Sorted(maps.Keys(s.logs))
	s.mu.Unlock()
	for _, name := range names {
		if err := fn(name); err != nil {
			return err
		}
	}
	return nil
}
