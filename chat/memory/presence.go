package memory

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"time"

	"chorus/chat/store"
)

type (
	userIn   struct{ room, user string }
	socketIn struct{ room, socket string }
)

// room has the users of a room. sorted is made of their names when a list is read.
type room struct {
	users  map[string]*user
	sorted []string
}

type user struct {
	store.Present
	published int // number of devices
	sockets   map[string]bool
}

// shown returns the user as others see it.
func (u *user) shown() store.Present {
	out := u.Present
	out.Devices = len(u.sockets)
	return out
}

// Enter implements store.Presence.
func (s *Store) Enter(_ context.Context, name, socket string, who store.Member) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[name]
	if r == nil {
		r = &room{users: make(map[string]*user)}
		s.rooms[name] = r
	}
	u := r.users[who.User]
	joined := u == nil
	if joined {
		u = &user{Present: store.Present{User: who.User, Since: milli(), Data: s.status[who.User]}, sockets: make(map[string]bool)}
		r.users[who.User], r.sorted = u, nil
	}
	delete(s.leaving, userIn{name, who.User})
	renamed := u.Name != who.Name
	u.Name = who.Name
	u.sockets[socket] = true
	s.sockets[socketIn{name, socket}] = who.User
	changed := len(u.sockets) != u.published || renamed
	u.published = len(u.sockets)
	switch {
	case joined:
		s.present(name, &store.PresenceChange{Joined: []store.Present{u.shown()}})
		s.notePresence(name, who.User, who.Name, true, len(r.users))
	case changed:
		s.present(name, &store.PresenceChange{Changed: []store.Present{u.shown()}})
	}
	return len(r.users), nil
}

// present tells the sink about the users of a room. The mutex is held.
func (s *Store) present(name string, change *store.PresenceChange) {
	if r := s.rooms[name]; r != nil {
		change.Count = len(r.users)
	}
	s.tell([]string{name}, func(sink store.Sink) { sink.Present(name, change) })
}

// Leave implements store.Presence.
func (s *Store) Leave(_ context.Context, name, socket string, grace time.Duration) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, who := s.rooms[name], s.sockets[socketIn{name, socket}]
	if r == nil {
		return 0, nil
	}
	u := r.users[who]
	if u == nil || !u.sockets[socket] {
		return len(r.users), nil
	}
	delete(s.sockets, socketIn{name, socket})
	delete(u.sockets, socket)
	switch {
	case len(u.sockets) > 0:
		u.published = len(u.sockets)
		s.present(name, &store.PresenceChange{Changed: []store.Present{u.shown()}})
	case grace > 0:
		s.leaving[userIn{name, who}] = time.Now().Add(grace)
	default:
		s.remove(userIn{name, who})
	}
	return len(r.users), nil
}

// remove has a user leave. The mutex is held.
func (s *Store) remove(at userIn) {
	delete(s.leaving, at)
	r := s.rooms[at.room]
	name := r.users[at.user].Name
	delete(r.users, at.user)
	r.sorted = nil
	if len(r.users) == 0 {
		delete(s.rooms, at.room)
	}
	s.present(at.room, &store.PresenceChange{Left: []string{at.user}, Names: map[string]string{at.user: name}})
	s.notePresence(at.room, at.user, name, false, len(r.users))
}

// endGraces has the users leave whose grace is over.
func (s *Store) endGraces(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, end := range s.leaving {
		if !end.After(now) {
			s.remove(at)
		}
	}
}

// maxListed is how many users a page has at most.
const maxListed = 1000

// List implements store.Presence.
func (s *Store) List(_ context.Context, name, cursor string, limit int) (store.PresencePage, error) {
	after, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return store.PresencePage{}, store.ErrBadCursor
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[name]
	if r == nil {
		return store.PresencePage{}, nil
	}
	page := store.PresencePage{Count: len(r.users)}
	if limit = min(limit, maxListed); limit <= 0 {
		return page, nil
	}
	if r.sorted == nil {
		r.sorted = slices.Sorted(maps.Keys(r.users))
	}
	i, found := slices.BinarySearch(r.sorted, string(after))
	if found && cursor != "" {
		i++
	}
	for _, name := range r.sorted[i:] {
		if len(page.Users) == limit {
			page.Next = base64.RawURLEncoding.EncodeToString([]byte(page.Users[limit-1].User))
			break
		}
		page.Users = append(page.Users, r.users[name].shown())
	}
	return page, nil
}

// Lookup implements store.Presence.
func (s *Store) Lookup(_ context.Context, name, who string) (store.Present, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[name]; r != nil {
		if u := r.users[who]; u != nil {
			return u.shown(), true, nil
		}
	}
	return store.Present{}, false, nil
}

// SetStatus implements store.Presence.
func (s *Store) SetStatus(_ context.Context, who, name string, data []byte) error {
	if len(data) > s.limits.StatusBytes {
		return &store.LimitError{Limit: int64(s.limits.StatusBytes), What: "bytes of presence data", Key: "status"}
	}
	if len(data) == 0 {
		data = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := s.rooms
	if name != "" {
		rooms = map[string]*room{name: s.rooms[name]}
	} else {
		s.setStatus(who, data)
	}
	for name, r := range rooms {
		if r == nil || r.users[who] == nil || string(r.users[who].Data) == string(data) {
			continue
		}
		r.users[who].Data = slices.Clone(data)
		s.present(name, &store.PresenceChange{Changed: []store.Present{r.users[who].shown()}})
	}
	return nil
}

// setStatus keeps the data of a user for rooms that are entered later. The mutex is held.
func (s *Store) setStatus(who string, data []byte) {
	if delete(s.status, who); len(data) == 0 {
		return
	}
	for other := range s.status { // any one gives way
		if len(s.status) < s.limits.OnceKeys {
			break
		}
		delete(s.status, other)
	}
	s.status[who] = slices.Clone(data)
}
