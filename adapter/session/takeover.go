package session

import (
	"context"
	"errors"
	"time"

	"chorus/adapter/rooms"
	"chorus/adapter/wire"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

const (
	// maxTakeovers is how many clients of a namespace look for their sessions at a time. The others wait up to
	// slotTimeout.
	maxTakeovers = 64
	slotTimeout  = 20 * time.Second
)

// awaitSlot waits for a slot and reports whether the client has one and is still connected. The caller then frees it by a
// receive from r.slots. Without slots, the thousands of clients of a server that ended would ask Redis at once, and none
// would get its answer in time.
func (r *sessions) awaitSlot(s *socket.Socket) bool {
	ctx, cancel := context.WithTimeout(context.Background(), slotTimeout)
	defer cancel()
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if s.Conn().ReadyState() == "open" {
		return true
	}
	<-r.slots
	return false
}

// reserve lets one connection take over a session. It closes an earlier connection of the client that is still
// connecting.
func (r *sessions) reserve(pid socket.PrivateSessionId, owner string) (outcome string) {
	ctx, cancel := context.WithTimeout(context.Background(), findTimeout)
	defer cancel()
	for {
		var taken bool
		var other *session
		r.mu.Lock()
		r.place(pid, func(p *place) { taken, other, p.taken = p.taken, p.taker, true })
		r.mu.Unlock()
		switch {
		case !taken:
			return Resumed
		case other != nil && other.owner != owner:
			return WrongOwner
		case other != nil:
			other.socket.Conn().Close(true)
		}
		if !pause(ctx, takeoverPause) {
			return Taken
		}
	}
}

// release lets other connections take over a session.
func (r *sessions) release(pid socket.PrivateSessionId) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.place(pid, func(p *place) { p.taken, p.taker = false, nil })
}

// pause waits for d. It returns false when ctx ends earlier.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// takeoverPause is how long to wait before another attempt to take over a session that is changing hands.
const takeoverPause = 20 * time.Millisecond

// takeOver makes this server the holder of a session, if the client may resume it, and ends the socket that had it.
func (r *sessions) takeOver(ctx context.Context, pid socket.PrivateSessionId, owner string, reachable func(*record) (wire.StreamID, bool, error)) (_ *record, outcome string, err error) {
	for {
		record, old, leaving := r.here(pid)
		if leaving {
			if !pause(ctx, time.Millisecond) {
				return nil, Taken, nil
			}
			continue
		}
		if record == nil {
			if record, err = r.store.find(ctx, pid); errors.Is(err, wire.ErrMalformed) {
				return nil, Malformed, err
			} else if err != nil {
				return nil, Unavailable, err
			}
		}
		switch {
		case record == nil, record.Ours && record.Nsp != r.Local.Nsp().Name():
			return nil, Unknown, nil
		case record.Pid != pid:
			return nil, Malformed, nil
		case !r.owns(owner, record):
			return nil, WrongOwner, nil
		}
		from, ok, err := reachable(record)
		if err != nil {
			return nil, Unavailable, err
		}
		if !ok {
			return nil, Offset, nil
		}
		if !record.Ours {
			r.adopt(record, owner, from)
		}
		taken := false
		if old != nil {
			if taken, err = r.replace(ctx, old); err != nil {
				return nil, Taken, err
			}
		} else {
			taken, err = r.store.take(ctx, record)
			if errors.Is(err, wire.ErrMalformed) {
				return nil, Malformed, err
			} else if err != nil {
				return nil, Unavailable, err
			}
		}
		if taken {
			return r.taken(ctx, record)
		}
		if !pause(ctx, takeoverPause) {
			return nil, Taken, nil
		}
	}
}

// taken ends the socket that had the session before this server took it over.
func (r *sessions) taken(ctx context.Context, record *record) (_ *record, outcome string, err error) {
	if record.Holder != "" && record.Holder != r.Server {
		r.Evict(record.Holder, evictionOf(record.Pid, record.Turn))
	}
	if err := r.awaitEnd(ctx, record.Sid); err != nil {
		return nil, Taken, err
	}
	return record, Resumed, nil
}

// owns reports whether a session belongs to an owner.
func (r *sessions) owns(owner string, record *record) bool {
	if record.Ours {
		return record.Owner == owner
	}
	// Node.js servers do not write the owner, but some data from its token.
	known, ok := r.opts.OwnerOf(record.Data)
	return !ok || known == owner
}

// adopt fills in what Node.js servers do not write when they store the session of a client that disconnected.
func (r *sessions) adopt(record *record, owner string, from wire.StreamID) {
	record.Owner, record.Nsp, record.Ours = owner, r.Local.Nsp().Name(), true
	record.Start, record.At, record.Last = from, r.history.Handled(), wire.LastID
	for room := range record.Rooms {
		record.Rooms[room] = from
		if room != rooms.Room(record.Sid) {
			record.Own = append(record.Own, room)
		}
	}
}

// here returns the session of a client that still counts as connected to this server, and reports whether it is leaving.
func (r *sessions) here(pid socket.PrivateSessionId) (_ *record, _ *session, leaving bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.byPid[pid]
	switch {
	case p == nil:
		return nil, nil, false
	case p.here != nil:
		return p.here.record(), p.here, p.leaving
	default:
		return nil, nil, p.leaving
	}
}

// replace ends the old socket of a session that continues on this server with a new one. It returns false when the old
// socket has just ended by itself.
func (r *sessions) replace(ctx context.Context, old *session) (bool, error) {
	if !r.endLive(old) { // from now on the end of the socket is not the end of the session
		return false, nil
	}
	// Disconnect could run while the connection ends, which the library does not expect.
	old.socket.Conn().Close(true)
	if err := r.awaitEnd(ctx, old.socket.Id()); err != nil {
		r.store.gone(old.pid, departure{holder: r.Server})
		return false, err
	}
	return true, nil
}

// endLive forgets a session and reports whether its client was connected to this server.
func (r *sessions) endLive(s *session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.state != live {
		return false
	}
	r.end(s)
	return true
}

// awaitEnd waits until this server has no socket with the id. A socket that ends leaves its rooms and the namespace by
// its id, and must not take the new socket out of them.
func (r *sessions) awaitEnd(ctx context.Context, id socket.SocketId) error {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		if _, there := r.Local.Nsp().Sockets().Load(id); !there {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("adapter: the old socket does not end")
		case <-ticker.C:
		}
	}
}
