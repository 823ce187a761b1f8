package adapter

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"chorus/adapter/wire"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

const (
	// maxClaims is how many clients of a namespace have their sessions looked for at a time, and turnTimeout for how
	// long the others wait.
	maxClaims   = 64
	turnTimeout = 20 * time.Second
)

// awaitTurn returns true when a client may claim its session: when a node has ended, thousands come at a time, and
// Redis would answer none of them in time. The caller takes one out of r.turns then.
func (r *recovery) awaitTurn(s *socket.Socket) bool {
	ctx, cancel := context.WithTimeout(context.Background(), turnTimeout)
	defer cancel()
	select {
	case r.turns <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if s.Conn().ReadyState() == "open" {
		return true
	}
	<-r.turns
	return false
}

// reserve has a connection claim a session. One that has claimed it before, and is still being let in, ends:
// its client is here anew.
func (r *recovery) reserve(pid socket.PrivateSessionId, owner string) (outcome string) {
	ctx, cancel := context.WithTimeout(context.Background(), recoveryTimeout)
	defer cancel()
	for {
		r.mu.Lock()
		other, claimed := r.claimed[pid]
		if !claimed {
			r.claimed[pid] = nil
		}
		r.mu.Unlock()
		switch {
		case !claimed:
			return RecoveryOK
		case other != nil && other.record.Owner != owner:
			return RecoveryOwner
		case other != nil:
			other.socket.Conn().Close(true)
		}
		if !pause(ctx, claimPause) {
			return RecoveryTaken
		}
	}
}

// release has others claim a session.
func (r *recovery) release(pid socket.PrivateSessionId) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.claimed, pid)
}

// pause returns after a while, false when ctx ends before.
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

// claimPause is how long to wait when a session is about to change hands.
const claimPause = 20 * time.Millisecond

// claim makes a session that may be recovered this node's, and ends the socket that has it.
func (r *recovery) claim(ctx context.Context, pid socket.PrivateSessionId, owner string, reachable func(*wire.Session) (wire.StreamID, bool, error)) (_ *wire.Session, outcome string, err error) {
	for {
		record, old, leaving := r.here(pid)
		if leaving {
			if !pause(ctx, time.Millisecond) {
				return nil, RecoveryTaken, nil
			}
			continue
		}
		if record == nil {
			if record, err = r.store.find(ctx, pid); errors.Is(err, wire.ErrMalformed) {
				return nil, RecoveryMalformed, err
			} else if err != nil {
				return nil, RecoveryUnavailable, err
			}
		}
		switch {
		case record == nil, record.Ours && record.Nsp != r.local.nsp.Name():
			return nil, RecoveryUnknown, nil
		case record.Pid != pid:
			return nil, RecoveryMalformed, nil
		case !r.owns(owner, record):
			return nil, RecoveryOwner, nil
		}
		from, ok, err := reachable(record)
		if err != nil {
			return nil, RecoveryUnavailable, err
		}
		if !ok {
			return nil, RecoveryOffset, nil
		}
		if !record.Ours {
			r.adopt(record, owner, from)
		}
		taken := false
		if old != nil {
			if taken, err = r.replace(ctx, old); err != nil {
				return nil, RecoveryTaken, err
			}
		} else {
			taken, err = r.store.take(ctx, record)
			if errors.Is(err, wire.ErrMalformed) {
				return nil, RecoveryMalformed, err
			} else if err != nil {
				return nil, RecoveryUnavailable, err
			}
		}
		if taken {
			return r.taken(ctx, record)
		}
		if !pause(ctx, claimPause) {
			return nil, RecoveryTaken, nil
		}
	}
}

// taken ends the socket that has had a session which is this node's now.
func (r *recovery) taken(ctx context.Context, record *wire.Session) (_ *wire.Session, outcome string, err error) {
	if record.Holder != "" && record.Holder != r.holder && r.evict != nil {
		r.evict(record.Holder, evictionOf(record.Pid, record.Turn))
	}
	if err := r.awaitEnd(ctx, record.Sid); err != nil {
		return nil, RecoveryTaken, err
	}
	return record, RecoveryOK, nil
}

// owns tells whether a session is this owner's.
func (r *recovery) owns(owner string, record *wire.Session) bool {
	if record.Ours {
		return record.Owner == owner
	}
	// Node.js servers do not write whose it is, but what they have of its token.
	known, ok := r.opts.OwnerOf(record.Data)
	return !ok || known == owner
}

// adopt adds to the session of a Node.js server, written when its client went, what they do not write.
func (r *recovery) adopt(record *wire.Session, owner string, from wire.StreamID) {
	record.Owner, record.Nsp, record.Ours = owner, r.local.nsp.Name(), true
	record.Start, record.At, record.Last = from, r.history.handled(), wire.LastID
	for room := range record.Rooms {
		record.Rooms[room] = from
		if room != socket.Room(record.Sid) {
			record.Own = append(record.Own, room)
		}
	}
}

// here returns the session when its client is still thought to be here, and tells whether it is leaving.
func (r *recovery) here(pid socket.PrivateSessionId) (_ *wire.Session, _ *liveSession, leaving bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, leaving = r.leaving[pid]
	if s := r.byPid[pid]; s != nil {
		return s.record(), s, leaving
	}
	return nil, nil, leaving
}

// remove forgets the session of a socket that is here and returns it, nil when there is none; r.mu is held.
func (r *recovery) remove(id socket.SocketId) *liveSession {
	s := r.live[id]
	if s != nil {
		delete(r.live, id)
		delete(r.byPid, s.pid)
	}
	return s
}

// replace ends the socket of a session on this node, which goes on with another one. It returns false when
// it has just ended by itself.
func (r *recovery) replace(ctx context.Context, old *liveSession) (bool, error) {
	r.mu.Lock()
	id := old.socket.Id()
	if r.live[id] != old {
		r.mu.Unlock()
		return false, nil
	}
	r.remove(id) // its end does not mean that of the session any more
	r.mu.Unlock()
	// Disconnect would end it as well, but at the same time as its connection perhaps, which the library
	// does not expect.
	old.socket.Conn().Close(true)
	if err := r.awaitEnd(ctx, id); err != nil {
		r.store.ended(old)
		return false, err
	}
	return true, nil
}

// awaitEnd returns when no socket of this id is here. One that is ending leaves its rooms and the namespace
// by its id, which must not hit the new one.
func (r *recovery) awaitEnd(ctx context.Context, id socket.SocketId) error {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		if _, there := r.local.nsp.Sockets().Load(id); !there {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("adapter: the old socket does not end")
		case <-ticker.C:
		}
	}
}

// evictionOf names the socket that had a session before its client came back for another time: the client
// may be here again, as the same socket, when the other server is told. No room has such a name.
func evictionOf(pid socket.PrivateSessionId, turn uint64) socket.Room {
	return socket.Room(evictionPrefix + string(pid) + "\x00" + strconv.FormatUint(turn, 10))
}

const evictionPrefix = "\x00session\x00"

// evicted ends the socket of a session that is another server's now, and tells whether that was meant.
func (r *recovery) evicted(rooms []socket.Room) bool {
	if len(rooms) != 1 || !strings.HasPrefix(string(rooms[0]), evictionPrefix) {
		return false
	}
	pid, _, _ := strings.Cut(string(rooms[0][len(evictionPrefix):]), "\x00")
	r.mu.Lock()
	s := r.byPid[socket.PrivateSessionId(pid)]
	if s != nil && evictionOf(s.pid, s.turn) == rooms[0] {
		r.remove(s.socket.Id())
	} else {
		s = nil
	}
	r.mu.Unlock()
	if s != nil {
		s.socket.Conn().Close(true)
	}
	return true
}
