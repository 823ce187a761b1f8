package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"chorus/chat/store"
)

// rules is the state of moderation of a room.
type rules struct {
	bars    map[string]store.Bar // ACTION:USER -> bar
	slow    int
	frozen  bool
	reports []store.Report // newest first
}

type turn struct{ room, user string }

func barName(action, user string) string { return action + ":" + user }

func inForce(bar store.Bar) bool { return bar.Until == 0 || bar.Until > milli() }

// SetRule implements store.Moderation.
func (s *Store) SetRule(_ context.Context, name string, r store.Rule) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.rules[name]
	if own == nil {
		own = &rules{bars: make(map[string]store.Bar)}
		s.rules[name] = own
	}
	switch {
	case r.Report != nil:
		if slices.ContainsFunc(own.reports, func(kept store.Report) bool { return kept.ID == r.Report.ID && kept.By == r.Report.By }) {
			return store.ErrReported
		}
		own.reports = slices.Insert(own.reports, 0, *r.Report)
		own.reports = own.reports[:min(len(own.reports), s.limits.Reports)]
		return nil
	case r.Bar != nil:
		key := barName(r.Bar.Action, r.Bar.User)
		if _, known := own.bars[key]; !known && len(own.bars) >= s.limits.Bars {
			maps.DeleteFunc(own.bars, func(_ string, bar store.Bar) bool { return !inForce(bar) })
			if len(own.bars) >= s.limits.Bars {
				return &store.LimitError{Limit: int64(s.limits.Bars), What: "bars of a room", Key: "bars"}
			}
		}
		own.bars[key] = *r.Bar
	case r.Lift != nil:
		delete(own.bars, barName(r.Lift.Action, r.Lift.User))
	case r.Slow != nil:
		own.slow = *r.Slow
	case r.Frozen != nil:
		own.frozen = *r.Frozen
	}
	if len(own.bars) == 0 && own.slow == 0 && !own.frozen && len(own.reports) == 0 {
		delete(s.rules, name)
	}
	if name != "" {
		s.tell([]string{name}, func(sink store.Sink) { sink.Barred(name) })
	} else {
		s.waiting = append(s.waiting, func(sink store.Sink) { sink.Barred("") })
		select {
		case s.wake <- struct{}{}:
		default: // it is going to look anyway
		}
	}
	return nil
}

// Standing implements store.Moderation.
func (s *Store) Standing(_ context.Context, name, user string) (store.Standing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out store.Standing
	for _, r := range []*rules{s.rules[name], s.rules[""]} {
		if r == nil {
			continue
		}
		for action, bar := range map[string]**store.Bar{"mute": &out.Mute, "ban": &out.Ban} {
			if known, ok := r.bars[barName(action, user)]; ok && inForce(known) {
				*bar = &known
			}
		}
		out.Frozen = out.Frozen || r.frozen
	}
	if r := s.rules[name]; r != nil {
		out.Slow = r.slow
	}
	return out, nil
}

// Turn implements store.Moderation.
func (s *Store) Turn(_ context.Context, name, user string, slow int) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait := s.wait(name, user); wait > 0 {
		return wait, nil
	}
	s.take(name, user, time.Duration(slow)*time.Second)
	return 0, nil
}

// wait returns how long a user has to wait in slow mode, 0 or less for not at all. The mutex is held.
func (s *Store) wait(name, user string) time.Duration {
	return time.Until(s.turns[turn{name, user}])
}

// take takes the turn of a user. The mutex is held.
func (s *Store) take(name, user string, slow time.Duration) {
	now := time.Now()
	if len(s.turns) >= s.limits.OnceKeys {
		maps.DeleteFunc(s.turns, func(_ turn, end time.Time) bool { return !end.After(now) })
	}
	s.turns[turn{name, user}] = now.Add(slow)
}

// Rules implements store.Moderation.
func (s *Store) Rules(_ context.Context, name, cursor string, limit int) (store.ModerationPage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rules[name]
	if r == nil {
		return store.ModerationPage{}, nil
	}
	page := store.ModerationPage{Slow: r.slow, Frozen: r.frozen}
	for _, key := range slices.Sorted(maps.Keys(r.bars)) {
		bar := r.bars[key]
		if key <= cursor || !inForce(bar) {
			continue
		}
		if len(page.Bars) == limit {
			last := page.Bars[limit-1]
			page.Next = barName(last.Action, last.User)
			break
		}
		page.Bars = append(page.Bars, bar)
	}
	if cursor == "" {
		page.Reports = slices.Clone(r.reports)
	}
	return page, nil
}
