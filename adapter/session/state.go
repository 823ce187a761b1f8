package session

import (
	"log/slog"
	"maps"
	"sync"
	"time"

	"chorus/adapter/history"
	"chorus/adapter/rooms"
	"chorus/adapter/wire"
	"chorus/internal/library"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// state is where a session of this server stands.
type state int

const (
	admitted state = iota // its client is known, and its socket is about to connect
	resuming              // the same, and the socket has taken over an earlier session
	live                  // its client is here
	ended                 // its client has gone, or another connection has taken it over
)

// session is that of a client on this server.
type session struct {
	ns     *sessions
	socket *socket.Socket
	owner  string
	pid    socket.PrivateSessionId
	turn   uint64
	start  wire.StreamID

	// These are guarded by ns.mu.
	state state
	rooms map[rooms.Room]wire.StreamID // and the message after which the client has joined each
	back  *catchUp                     // until the client is up to date
	last  wire.StreamID                // the last message that was for it when it was brought up to date

	// These are for the store.
	queued  bool      // it waits to be written
	written time.Time // when it was last written, with which data
	version any
}

// place is what becomes of the session of one private id on this server.
type place struct {
	here    *session // nil unless its client is here
	leaving bool     // it is on its way to the store
	taken   bool     // one connection at a time takes it over, until it is here or has ended:
	taker   *session // that one, once the session is found
}

// sessions are those of one namespace.
type sessions struct {
	Namespace
	keeper  *Keeper
	opts    Options
	log     *slog.Logger
	store   store
	history *history.Log
	archive history.Archive // nil for a server that is alone

	mu       sync.Mutex
	bySocket map[socket.SocketId]*session
	byPid    map[socket.PrivateSessionId]*place

	slots chan struct{} // of clients that take over their sessions
}

var _ rooms.Sessions = (*sessions)(nil)

// place changes what becomes of a session; r.mu is held.
func (r *sessions) place(pid socket.PrivateSessionId, change func(*place)) {
	p := r.byPid[pid]
	if p == nil {
		p = &place{}
		r.byPid[pid] = p
	}
	change(p)
	if *p == (place{}) {
		delete(r.byPid, pid)
	}
}

// record returns what the session is now; ns.mu is held.
func (s *session) record() *record {
	handled := s.ns.history.Handled() // before what is asked for next
	r := &record{
		Sid: s.socket.Id(), Pid: s.pid, Data: s.socket.Data(), Rooms: maps.Clone(s.rooms),
		Holder: s.ns.Server, Owner: s.owner, Nsp: s.ns.Local.Nsp().Name(), Turn: s.turn, Start: s.start, Ours: true,
		At: handled, Last: wire.Later(s.last, s.ns.Local.LastFor(s.rooms, s.start)), Own: s.ns.Local.Own(s.socket.Id()),
	}
	if s.back != nil { // not all is done yet
		r.At, r.Last = s.back.record.At, wire.LastID
	}
	return r
}

// isHere reports whether the client has not gone.
func (s *session) isHere() bool {
	s.ns.mu.Lock()
	defer s.ns.mu.Unlock()
	return s.state == live
}

// current returns what the session is now; nil when its client has gone.
func (s *session) current() *record {
	s.ns.mu.Lock()
	defer s.ns.mu.Unlock()
	if s.state != live {
		return nil
	}
	return s.record()
}

// Connect implements rooms.Sessions. The socket is not reached by anything yet.
func (r *sessions) Connect(s *socket.Socket) {
	r.mu.Lock()
	session, now := r.bySocket[s.Id()], ended
	if session != nil && session.socket == s {
		now = session.state
	}
	r.mu.Unlock()
	switch {
	case now == resuming:
		session.back.connect()
	case now == admitted && library.PrivateID(s) != "":
		// Before it is reached: what comes in between it gets, and has come after its start.
		session.pid, session.start = library.PrivateID(s), r.history.Position()
		session.rooms = make(map[rooms.Room]wire.StreamID)
		for _, room := range r.Local.SocketRooms(s.Id()).Keys() {
			session.rooms[room] = session.start
		}
		r.begin(session)
		r.Local.Attach(s)
	default:
		r.Local.Attach(s)
	}
}

// begin makes a session live.
func (r *sessions) begin(s *session) {
	r.watch(s.socket)
	r.mu.Lock()
	s.state = live
	r.bySocket[s.socket.Id()] = s
	r.place(s.pid, func(p *place) { *p = place{here: s, leaving: p.leaving} })
	r.mu.Unlock()
	r.store.changed(s)
}

// abandonedAfter is how long the library has for ending a socket whose connection has closed.
const abandonedAfter = time.Second

// watch sees to a socket whose connection closed while the library was connecting it, which forgets it then: its
// client may return.
func (r *sessions) watch(s *socket.Socket) {
	abandoned := func() bool { return s.Connected() && s.Conn().ReadyState() == "closed" }
	s.Enqueue(func() { // behind what the library does
		if !abandoned() {
			return
		}
		r.Ended(s.Id(), true)
		time.AfterFunc(abandonedAfter, func() {
			if abandoned() {
				s.Disconnect(false)
			}
		})
	})
}

// Joining implements rooms.Sessions.
func (r *sessions) Joining(id socket.SocketId, names []rooms.Room) {
	since := r.history.Position()
	r.change(id, func(s *session) {
		for _, room := range names {
			if _, in := s.rooms[room]; !in {
				s.rooms[room] = since
			}
		}
	})
}

// Left implements rooms.Sessions.
func (r *sessions) Left(id socket.SocketId, room rooms.Room) {
	r.change(id, func(s *session) { delete(s.rooms, room) })
}

// change changes the session of a client that is here.
func (r *sessions) change(id socket.SocketId, change func(*session)) {
	r.mu.Lock()
	s := r.bySocket[id]
	if s == nil || s.state != live {
		r.mu.Unlock()
		return
	}
	change(s)
	r.mu.Unlock()
	r.store.changed(s)
}

// end forgets a session that is here; r.mu is held.
func (r *sessions) end(s *session) {
	s.state = ended
	delete(r.bySocket, s.socket.Id())
	r.place(s.pid, func(p *place) { p.here = nil })
}

// Ended implements rooms.Sessions. Unless its connection broke, the session of a client has ended. One
// that has never connected leaves the session to the next attempt.
func (r *sessions) Ended(id socket.SocketId, resumable bool) {
	r.mu.Lock()
	s := r.bySocket[id]
	switch {
	case s == nil, resumable && s.state != live:
		r.mu.Unlock()
	case s.state == live:
		d := departure{holder: r.Server}
		if resumable {
			d.record = s.record()
		}
		r.end(s)
		r.place(s.pid, func(p *place) { p.leaving = true })
		r.mu.Unlock()
		r.store.gone(s.pid, d)
		r.mu.Lock()
		r.place(s.pid, func(p *place) { p.leaving = false })
		r.mu.Unlock()
	default:
		delete(r.bySocket, id)
		resumes := s.state == resuming
		s.state = ended
		r.mu.Unlock()
		if resumes {
			record := s.back.record
			record.Holder, record.Text = r.Server, ""
			r.store.gone(record.Pid, departure{record: record, holder: r.Server})
			r.release(record.Pid)
		}
	}
}

// Sweep implements rooms.Sessions.
func (r *sessions) Sweep(s *socket.Socket, sweep func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.bySocket[s.Id()]; other == nil || other.state == admitted || other.state == live && other.socket == s {
		sweep()
	}
}

// live returns the sessions whose client is here.
func (r *sessions) live() []*session {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*session, 0, len(r.bySocket))
	for _, s := range r.bySocket {
		if s.state == live {
			list = append(list, s)
		}
	}
	return list
}
