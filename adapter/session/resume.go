package session

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"regexp"
	"time"

	"chorus/adapter/rooms"
	"chorus/adapter/wire"
	"chorus/internal/library"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// findTimeout bounds how long a client waits for its session.
const findTimeout = 3 * time.Second

var privateID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// Resume is for a middleware that knows the owner of a socket. If the client
// asks for the session that it had, and that was the same owner's, the socket becomes the one that it was,
// with Recovered true; what it has missed follows when it has connected. Otherwise it stays the new socket
// that it is. Resume may wait for a slot, for Redis, and for the end of the client's earlier connection, for
// some seconds; when they do not come, the connection is closed, so that the client tries again and loses
// nothing. Without a Keeper it does nothing.
//
// The socket's id changes: nothing may have remembered the old one.
func Resume(s *socket.Socket, owner string) {
	r := of(s.Nsp().Adapter())
	if r == nil {
		return
	}
	pid, offset := credentialsOf(s)
	if s.Conn().Protocol() == socketIO2 {
		return // it does not know how
	}
	session := &session{ns: r, socket: s, owner: owner}
	r.mu.Lock()
	if r.bySocket[s.Id()] == nil {
		r.bySocket[s.Id()] = session
	}
	r.mu.Unlock()
	if pid == "" {
		return
	}
	outcome, err := r.resume(session, pid, offset)
	r.opts.Observe(outcome)
	if outcome == Unavailable || outcome == Taken {
		s.Conn().Close(true)
	}
	r.log.Debug("a client wants its session back", slog.String("namespace", r.Local.Nsp().Name()), slog.String("outcome", outcome), slog.Any("error", err))
}

// socketIO2 is the version of Engine.IO that clients of Socket.IO 2 speak.
const socketIO2 = 3

// of returns the sessions behind an adapter; nil when there are none.
func of(a socket.Adapter) *sessions {
	if r, ok := rooms.Of(a); ok {
		s, _ := r.Sessions().(*sessions)
		return s
	}
	return nil
}

// credentialsOf takes the session that the client asks for out of its handshake: other servers
// must not see it.
func credentialsOf(s *socket.Socket) (pid, offset string) {
	auth := s.Handshake().Auth
	pid, _ = auth["pid"].(string)
	offset, _ = auth["offset"].(string)
	delete(auth, "pid")
	delete(auth, "offset")
	return pid, offset
}

// resume makes a session that is admitted the one that its client had.
func (r *sessions) resume(session *session, pid, offset string) (outcome string, err error) {
	if !privateID.MatchString(pid) {
		return Malformed, nil
	}
	if offset != "" {
		if _, err = wire.ParseStreamID(offset); err != nil {
			return Malformed, err
		}
	}
	s, id := session.socket, socket.PrivateSessionId(pid)
	if outcome := r.reserve(id, session.owner); outcome != Resumed {
		return outcome, nil
	}
	if !r.awaitSlot(s) {
		r.release(id)
		return Taken, errors.New("adapter: the connection has ended, or too many clients return at a time")
	}
	defer func() { <-r.slots }()
	ctx, cancel := context.WithTimeout(context.Background(), findTimeout)
	defer cancel()
	var from wire.StreamID
	record, outcome, err := r.takeOver(ctx, id, session.owner, func(record *record) (wire.StreamID, bool, error) {
		var known bool
		if from, known = placeOf(offset, record); !known {
			return from, false, nil
		}
		ok, err := r.reaches(ctx, from)
		return from, ok, err
	})
	if outcome != Resumed {
		r.release(id)
		return outcome, err
	}
	fresh := s.Id()
	defer func() {
		r.Local.Forget(fresh)
		r.Local.Enter(s)
	}()
	if !library.Recover(s, record.Sid, record.Pid) {
		r.release(id)
		return Unknown, errors.New("adapter: the library's sockets are built otherwise")
	}
	if data := withoutClaims(record.Data); data != nil {
		s.SetData(data)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.bySocket, fresh)
	r.bySocket[record.Sid] = session
	session.state, session.back = resuming, &catchUp{r: r, socket: s, session: session, record: record, cursor: from}
	r.place(id, func(p *place) { p.taker = session })
	return Resumed, nil
}

// placeOf returns up to which message a client has got all that was for it, by its offset.
func placeOf(offset string, record *record) (place wire.StreamID, known bool) {
	place, err := wire.ParseStreamID(offset)
	switch {
	case err == nil && !record.Ours:
		return place, true
	case !record.Ours:
		return place, false
	case err != nil:
		place = record.Start // it has got nothing yet that has an offset
	}
	// The last that was for it may be long ago, and forgotten.
	if record.Last.Compare(place) <= 0 && record.At.Compare(place) > 0 {
		place = record.At
	}
	return place, true
}

// claimsKey is the member of a socket's data that a client does not get back: its claims are those of the
// token with which it returns. They are written for Node.js servers, which do not look at a token then.
const claimsKey = "decoded"

// withoutClaims returns the data of a session that was in this process all the time.
func withoutClaims(data any) any {
	m, ok := data.(map[string]any)
	if !ok {
		return data
	}
	m = maps.Clone(m)
	delete(m, claimsKey)
	return m
}

// reaches reports whether all messages after an id are still there.
func (r *sessions) reaches(ctx context.Context, id wire.StreamID) (bool, error) {
	if r.history.Reaches(id) {
		return true, nil
	}
	if r.archive == nil {
		return false, nil
	}
	return r.archive.Reaches(ctx, id)
}
