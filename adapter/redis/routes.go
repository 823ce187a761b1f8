package redis

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// Route is one subscription.
type Route struct {
	Name   string // channel, or pattern
	Kind   Kind
	Handle func(channel string, payload []byte) error
	// Unwanted reports whether a message is for no socket here; nil when the channel does not say.
	Unwanted func(channel string) bool
	// Passing means that it comes and goes with a room: health does not wait for a new one.
	Passing bool
	// Owner of the route, where many are given up at once.
	Owner any
}

// Kind says how to subscribe: each has commands of its own.
type Kind int

// The kinds of subscriptions.
const (
	OnChannel Kind = iota
	OnPattern
	OnShard // a channel that lives on one shard of Redis 7
	kinds
)

// asked is what Redis has been asked about one name on the present connection. Answers come in the
// order of the questions, and the last one counts.
type asked struct {
	kind      Kind
	wanted    bool // the last question was to subscribe
	on, off   int  // questions without an answer
	confirmed bool
}

// errEnded means that Redis has ended a subscription that no caller has given up: the slot of the channel
// has moved to another node.
var errEnded = errors.New("redis has ended a subscription")

// put adds a Route. It does not talk to Redis, as take does not: that is for flush. Health waits for a vital one.
func (s *Subscriber) put(r Route, vital bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.asked[r.Name]; vital && (a == nil || !a.confirmed) {
		s.missing[r.Name] = true
	}
	s.routes[r.Name] = r
	s.dirty = append(s.dirty, r.Name)
}

// take removes a Route, and reports whether health has waited for it.
func (s *Subscriber) take(name string) (missed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	missed = s.missing[name]
	delete(s.routes, name)
	delete(s.missing, name)
	s.release(name)
	s.dirty = append(s.dirty, name)
	return missed
}

// flush asks Redis for what has changed. One caller at a time talks to Redis, and does so for those
// that come meanwhile: the last question about a name is about the last change.
func (s *Subscriber) flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flushing {
		return nil
	}
	s.flushing = true
	defer func() { s.flushing = false }()
	for s.connected != nil && len(s.dirty) > 0 {
		connection, on, off := s.connected, [kinds][]string{}, [kinds][]string{}
		s.questions(&on, &off)
		s.mu.Unlock()
		err := s.ask(ctx, connection, on, off)
		if err != nil {
			_ = connection.Close() // run makes a new one
		}
		s.mu.Lock()
		if err != nil && s.connected == connection {
			return err
		}
	}
	return nil
}

// questions gathers what is to be asked about the names that are dirty; s.mu is held.
func (s *Subscriber) questions(on, off *[kinds][]string) {
	for _, name := range s.dirty {
		r, wanted := s.routes[name]
		a := s.asked[name]
		if a == nil {
			a = &asked{}
		}
		switch {
		case wanted == a.wanted:
			continue
		case wanted:
			a.kind = r.Kind
			a.on++
			on[a.kind] = append(on[a.kind], name)
		default:
			a.off++
			a.confirmed = false
			off[a.kind] = append(off[a.kind], name)
		}
		a.wanted = wanted
		s.asked[name] = a
	}
	s.dirty = nil
}

// ask sends the questions.
func (s *Subscriber) ask(ctx context.Context, connection *redis.PubSub, on, off [kinds][]string) error {
	for _, q := range []struct {
		send  func(context.Context, ...string) error
		names []string
	}{
		{connection.PSubscribe, on[OnPattern]},
		{connection.Subscribe, on[OnChannel]},
		{connection.SSubscribe, on[OnShard]},
		{connection.PUnsubscribe, off[OnPattern]},
		{connection.Unsubscribe, off[OnChannel]},
		{connection.SUnsubscribe, off[OnShard]},
	} {
		size := len(q.names)
		if s.oneByOne {
			size = 1
		}
		for names := q.names; len(names) > 0; names = names[size:] {
			if err := q.send(ctx, names[:size]...); err != nil {
				return err
			}
		}
	}
	return nil
}

// answered takes an answer of Redis.
func (s *Subscriber) answered(m *redis.Subscription) error {
	s.mu.Lock()
	a := s.asked[m.Channel]
	if a == nil {
		s.mu.Unlock()
		return nil
	}
	var vital bool
	switch m.Kind {
	case "subscribe", "psubscribe", "ssubscribe":
		a.on--
		if a.confirmed = a.wanted && a.on == 0; a.confirmed {
			vital = s.missing[m.Channel]
			delete(s.missing, m.Channel)
			s.release(m.Channel)
		}
	default:
		if a.off == 0 {
			s.mu.Unlock()
			return errEnded
		}
		a.off--
	}
	if !a.wanted && a.on == 0 && a.off == 0 {
		delete(s.asked, m.Channel)
	}
	s.mu.Unlock()
	if vital {
		s.changed()
	}
	return nil
}

// confirmation returns a channel that is closed when Redis has confirmed a subscription or the
// connection is lost; nil when there is nothing to wait for.
func (s *Subscriber) confirmation(name string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, wanted := s.routes[name]; !wanted || s.connected == nil {
		return nil
	}
	if a := s.asked[name]; a != nil && a.confirmed {
		return nil
	}
	ch, ok := s.waiting[name]
	if !ok {
		ch = make(chan struct{})
		s.waiting[name] = ch
	}
	return ch
}

// release wakes the callers that wait for a confirmation; s.mu is held.
func (s *Subscriber) release(name string) {
	if ch, ok := s.waiting[name]; ok {
		close(ch)
		delete(s.waiting, name)
	}
}
