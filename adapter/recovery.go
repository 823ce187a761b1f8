package adapter

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"chorus/adapter/wire"
	"chorus/internal/library"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// sessionStore keeps sessions whose client is away, and for the case that this node ends without a word,
// those whose client is here.
type sessionStore interface {
	// find returns a session, nil when there is none.
	find(ctx context.Context, pid socket.PrivateSessionId) (*wire.Session, error)
	// take makes a session that was found this node's. It returns false when it has changed since.
	take(ctx context.Context, r *wire.Session) (bool, error)
	// changed has a session written, closed keeps it without its client, and ended drops it.
	changed(s *liveSession)
	closed(r *wire.Session)
	ended(s *liveSession)
}

// recovery is the connection state recovery of one namespace on this node.
type recovery struct {
	local   *local
	opts    RecoveryOptions
	log     *slog.Logger
	holder  string // this server
	raw     bool   // its parser has arguments as json.RawMessage
	history *history
	store   sessionStore
	far     farHistory // nil for a node that is alone
	// evict ends the socket that has a session on another server, which calls evicted.
	evict func(holder string, eviction socket.Room)

	mu      sync.Mutex
	owners  map[socket.SocketId]string // of sockets that are about to connect
	waiting map[socket.SocketId]*comeback
	live    map[socket.SocketId]*liveSession
	byPid   map[socket.PrivateSessionId]*liveSession
	// A session is claimed by one connection at a time, until that is here or has ended; nil until the session
	// is found. One that is leaving is on its way from live to the store.
	claimed map[socket.PrivateSessionId]*comeback
	leaving map[socket.PrivateSessionId]struct{}

	turns chan struct{} // of clients that claim their sessions
}

// liveSession is that of a client that is here.
type liveSession struct {
	r      *recovery
	socket *socket.Socket
	pid    socket.PrivateSessionId
	owner  string
	turn   uint64
	start  wire.StreamID
	rooms  map[socket.Room]wire.StreamID // see sessionRecord; guarded by r.mu, as is own
	own    map[socket.Room]struct{}
	back   *comeback     // while the client is brought up to date; guarded by r.mu, as is last
	last   wire.StreamID // the last message that was for it when it was brought up to date

	written time.Time // when it was last written, with which data; for the store alone
	version any
}

func newRecovery(l *local, opts RecoveryOptions, log *slog.Logger) *recovery {
	return &recovery{
		local: l, opts: opts, log: log,
		owners:  make(map[socket.SocketId]string),
		waiting: make(map[socket.SocketId]*comeback),
		live:    make(map[socket.SocketId]*liveSession),
		byPid:   make(map[socket.PrivateSessionId]*liveSession),
		claimed: make(map[socket.PrivateSessionId]*comeback),
		leaving: make(map[socket.PrivateSessionId]struct{}),
		turns:   make(chan struct{}, maxClaims),
	}
}

// recoveryTimeout bounds how long a client waits for its session.
const recoveryTimeout = 3 * time.Second

var privateID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// Recover is for a middleware that has found out who the client of a socket is: the owner. If the client
// asks for the session that it had, and that was the same owner's, the socket becomes the one that it was,
// with Recovered true; what it has missed follows when it has connected. Otherwise it stays the new socket
// that it is. Recover may wait for its turn, for Redis, and for the end of the client's earlier connection, for
// some seconds; when they do not come, the connection is closed, so that the client tries again and loses
// nothing. Without RecoveryOptions it does nothing.
//
// The socket's id changes: nothing may have remembered the old one.
func Recover(s *socket.Socket, owner string) {
	r := recoveryOf(s.Nsp().Adapter())
	if r == nil {
		return
	}
	pid, offset := credentialsOf(s)
	if s.Conn().Protocol() == socketIO2 {
		return // it does not know how
	}
	r.mu.Lock()
	r.owners[s.Id()] = owner
	r.mu.Unlock()
	if pid == "" {
		return
	}
	outcome, err := r.recover(s, owner, pid, offset)
	r.opts.Observe(outcome)
	if outcome == RecoveryUnavailable || outcome == RecoveryTaken {
		s.Conn().Close(true)
	}
	r.log.Debug("a client comes back", slog.String("namespace", r.local.nsp.Name()), slog.String("outcome", outcome), slog.Any("error", err))
}

// socketIO2 is the version of Engine.IO that clients of Socket.IO 2 speak.
const socketIO2 = 3

// recoveryOf looks through adapters that wrap another one; nil when there is no recovery.
func recoveryOf(a socket.Adapter) *recovery {
	if l, ok := localOf(a); ok {
		return l.recovery
	}
	return nil
}

// credentialsOf takes the session that the client asks for out of its handshake: others than this server
// must not get to see it.
func credentialsOf(s *socket.Socket) (pid, offset string) {
	auth := s.Handshake().Auth
	pid, _ = auth["pid"].(string)
	offset, _ = auth["offset"].(string)
	delete(auth, "pid")
	delete(auth, "offset")
	return pid, offset
}

func (r *recovery) recover(s *socket.Socket, owner, pid, offset string) (outcome string, err error) {
	if !privateID.MatchString(pid) {
		return RecoveryMalformed, nil
	}
	var from wire.StreamID
	if offset != "" {
		if _, err = wire.ParseStreamID(offset); err != nil {
			return RecoveryMalformed, err
		}
	}
	id := socket.PrivateSessionId(pid)
	if outcome := r.reserve(id, owner); outcome != RecoveryOK {
		return outcome, nil
	}
	if !r.awaitTurn(s) {
		r.release(id)
		return RecoveryTaken, errors.New("adapter: the connection has ended, or too many clients come back at a time")
	}
	defer func() { <-r.turns }()
	ctx, cancel := context.WithTimeout(context.Background(), recoveryTimeout)
	defer cancel()
	record, outcome, err := r.claim(ctx, id, owner, func(record *wire.Session) (wire.StreamID, bool, error) {
		var known bool
		if from, known = placeOf(offset, record); !known {
			return from, false, nil
		}
		ok, err := r.has(ctx, from)
		return from, ok, err
	})
	if outcome != RecoveryOK {
		r.release(id)
		return outcome, err
	}
	fresh := s.Id()
	defer func() {
		r.local.alive.leave(fresh)
		r.local.alive.enter(s)
	}()
	if !library.Recover(s, record.Sid, record.Pid) {
		r.release(id)
		return RecoveryUnknown, errors.New("adapter: the library's sockets are built otherwise")
	}
	if data := withoutClaims(record.Data); data != nil {
		s.SetData(data)
	}
	c := &comeback{r: r, socket: s, record: record, cursor: from}
	r.mu.Lock()
	delete(r.owners, fresh)
	r.owners[record.Sid] = owner
	r.waiting[record.Sid], r.claimed[id] = c, c
	r.mu.Unlock()
	return RecoveryOK, nil
}

// placeOf returns up to which message a client has got all that was for it, by what it says.
func placeOf(offset string, record *wire.Session) (place wire.StreamID, known bool) {
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
// token with which it comes. They are written for Node.js servers, which do not look at a token then.
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

// has tells whether all messages after an id are still there.
func (r *recovery) has(ctx context.Context, id wire.StreamID) (bool, error) {
	if r.history.reaches(id) {
		return true, nil
	}
	if r.far == nil {
		return false, nil
	}
	return r.far.has(ctx, id)
}

// record is what the session is now; r.mu is held.
func (s *liveSession) record() *wire.Session {
	handled := s.r.history.handled() // before what is asked for next
	r := &wire.Session{
		Sid: s.socket.Id(), Pid: s.pid, Data: s.socket.Data(), Rooms: make(map[socket.Room]wire.StreamID, len(s.rooms)),
		Holder: s.r.holder, Owner: s.owner, Nsp: s.r.local.nsp.Name(), Turn: s.turn, Start: s.start, Ours: true,
		At: handled, Last: wire.Later(s.last, s.r.local.index.lastFor(s.rooms, s.start)), Own: slices.Sorted(maps.Keys(s.own)),
	}
	maps.Copy(r.Rooms, s.rooms)
	if s.back != nil { // not all is done yet
		r.At, r.Last = s.back.record.At, wire.LastID
	}
	return r
}

// connect is called when a socket has connected, and is not reached by anything yet.
func (r *recovery) connect(s *socket.Socket) {
	id := s.Id()
	r.mu.Lock()
	owner, known := r.owners[id]
	back := r.waiting[id]
	delete(r.owners, id)
	delete(r.waiting, id)
	r.mu.Unlock()
	pid := library.PrivateID(s)
	switch {
	case back != nil && back.socket == s:
		back.connect(owner)
	case known && pid != "":
		// Before it is reached: what comes in between it gets, and has come after its start.
		start := r.history.position()
		session := &liveSession{r: r, socket: s, pid: pid, owner: owner, start: start, rooms: make(map[socket.Room]wire.StreamID), own: make(map[socket.Room]struct{})}
		for _, room := range r.local.index.roomsOf(id).Keys() {
			session.rooms[room] = start
		}
		r.begin(session)
		r.local.attach(s)
	default:
		r.local.attach(s)
	}
}

// abandonedAfter is how long the library has for ending a socket whose connection has closed.
const abandonedAfter = time.Second

// watch sees to a socket whose connection closed while the library was connecting it, which forgets it then: its
// client may come back.
func (r *recovery) watch(s *socket.Socket) {
	abandoned := func() bool { return s.Connected() && s.Conn().ReadyState() == "closed" }
	s.Enqueue(func() { // behind what the library does
		if !abandoned() {
			return
		}
		r.drops(s.Id())
		time.AfterFunc(abandonedAfter, func() {
			if abandoned() {
				s.Disconnect(false)
			}
		})
	})
}

func (r *recovery) begin(s *liveSession) {
	r.watch(s.socket)
	r.mu.Lock()
	r.live[s.socket.Id()], r.byPid[s.pid] = s, s
	delete(r.claimed, s.pid)
	r.mu.Unlock()
	r.store.changed(s)
}

// joins is called before a socket joins rooms, and leaves after it has left one.
func (r *recovery) joins(id socket.SocketId, rooms []socket.Room) {
	since := r.history.position()
	r.mu.Lock()
	s := r.live[id]
	if s != nil {
		for _, room := range rooms {
			if _, in := s.rooms[room]; !in {
				s.rooms[room] = since
			}
		}
	}
	r.mu.Unlock()
	if s != nil {
		r.store.changed(s)
	}
}

func (r *recovery) leaves(id socket.SocketId, room socket.Room) {
	r.mu.Lock()
	s := r.live[id]
	if s != nil {
		delete(s.rooms, room)
		delete(s.own, room)
	}
	r.mu.Unlock()
	if s != nil {
		r.store.changed(s)
	}
}

// drops is called when the connection of a socket broke: its client may come back.
func (r *recovery) drops(id socket.SocketId) {
	r.mu.Lock()
	var record *wire.Session
	s := r.remove(id)
	if s != nil {
		record = s.record()
		r.leaving[s.pid] = struct{}{}
	}
	r.mu.Unlock()
	if s != nil {
		r.store.closed(record)
		r.left(s.pid)
	}
}

// left has a session looked for in the store again.
func (r *recovery) left(pid socket.PrivateSessionId) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.leaving, pid)
}

// gone is called when a socket leaves all rooms. Unless its connection broke, its session has ended. One
// that has never connected leaves the session to the next attempt.
func (r *recovery) gone(id socket.SocketId) {
	r.mu.Lock()
	s := r.remove(id)
	back := r.waiting[id]
	delete(r.owners, id)
	delete(r.waiting, id)
	if s != nil {
		r.leaving[s.pid] = struct{}{}
	}
	r.mu.Unlock()
	switch {
	case s != nil:
		r.store.ended(s)
		r.left(s.pid)
	case back != nil:
		back.record.Holder, back.record.Text = r.holder, ""
		r.store.closed(back.record)
		r.release(back.record.Pid)
	}
}

// sweep takes a socket that has disconnected out of its rooms, unless its client is back already, as a
// socket of the same id.
func (r *recovery) sweep(s *socket.Socket) (*member, []change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.live[s.Id()]; r.waiting[s.Id()] != nil || l != nil && l.socket != s {
		return nil, nil
	}
	return r.local.index.removeAll(s.Id())
}

// count returns how many sessions have a client here.
func (r *recovery) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.live)
}

// newRecovery makes the recovery of a namespace whose messages are kept on Redis.
func (r *Redis) newRecovery(a *clusterAdapter) *recovery {
	rec := newRecovery(a.local, r.recoveryOptions, r.log)
	rec.holder, rec.raw, rec.store = a.uid, a.raw, r.sessions
	rec.history, rec.far = r.kept(a.nsp.Name())
	rec.evict = func(holder string, eviction socket.Room) {
		a.respond(holder, wire.Message{Kind: wire.Disconnect, Close: true, Opts: wire.Options{Rooms: []socket.Room{eviction}}})
	}
	r.sessions.add(rec)
	return rec
}
