package session

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"chorus/adapter/history"
	"chorus/adapter/rooms"
	"chorus/adapter/wire"
	"chorus/engine"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

const (
	// maxAtOnce is up to how many messages are looked at while no others are delivered.
	maxAtOnce = 16
	// maxNext is how many a client that returns has in hand at a time.
	maxNext = 64
	// maxUnwritten is how many bytes of what a client has missed are on their way to it at a time: more
	// than a connection may have waiting would end it.
	maxUnwritten = 32 << 10
	// catchUpTimeout bounds how long a client waits for this server, which has not yet come as far as the
	// client was on another one.
	catchUpTimeout = 5 * time.Second
)

// catchUp brings a client that resumes its session up to date, until it is reached by
// what comes from then on.
//
// That begins when it has connected, not before, as in Node.js: the official client keeps what comes before
// CONNECT and handles it when it is connected. Should the connection break in between, it would handle
// that and, from the next connection, all of it again.
type catchUp struct {
	r       *sessions
	socket  *socket.Socket
	session *session
	record  *record // what the session was

	cursor    wire.StreamID // up to here, all is done
	connected wire.StreamID // what came after this was sent when the client was here again
	last      wire.StreamID // the last message that was for the client
	unwritten int           // bytes
	written   chan struct{} // closed when they are; nil while that is not watched
}

// connect puts the socket into its rooms.
func (c *catchUp) connect() {
	r, s := c.r, c.session
	s.pid, s.turn, s.start, s.rooms = c.record.Pid, c.record.Turn+1, c.record.Start, c.record.Rooms
	names := slices.Collect(maps.Keys(s.rooms))
	r.begin(s)
	// What there was before is no later than what it says that it has got, or is delivered now.
	if c.last = c.record.Last; c.last.Compare(c.cursor) > 0 {
		c.last = c.cursor
	}
	r.Local.Restore(c.socket.Id(), names, c.record.Own)
	c.connected = r.history.Position() // from here on, others make it join and leave
	c.socket.Enqueue(c.run)            // behind the handlers of "connection"
}

// run brings the client up to date.
func (c *catchUp) run() {
	ctx, cancel := context.WithTimeout(context.Background(), catchUpTimeout)
	defer cancel()
	err := c.await(ctx)
	for err == nil {
		var done bool
		if done, err = c.step(); done {
			c.finish()
			return
		}
		if !c.socket.Connected() {
			return
		}
	}
	c.r.log.Warn("a client that returned cannot be brought up to date, and has to connect again",
		slog.String("socket", string(c.socket.Id())), slog.Any("error", err))
	c.socket.Conn().Close(true)
}

// await waits until this server has come as far as the client.
func (c *catchUp) await(ctx context.Context) error {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for c.r.history.Position().Compare(c.cursor) < 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("adapter: the client has seen %s, this server %s", c.cursor, c.r.history.Position())
		case <-ticker.C:
		}
	}
	return nil
}

// finish has the session written as that of a client that has got all there was.
func (c *catchUp) finish() {
	c.r.mu.Lock()
	c.session.back, c.session.last = nil, c.last
	c.r.mu.Unlock()
	c.r.store.changed(c.session)
}

// step delivers the next messages. It is done when there are few enough to do that, and to have the
// socket reached by the next, in one go. What may run handlers is delivered before.
func (c *catchUp) step() (done bool, err error) {
	h := c.r.history
	h.Lock()
	next, all, remembered := h.After(c.cursor, maxNext)
	if remembered && all && len(next) <= maxAtOnce && (len(next) == 0 || next[0].ID.Compare(c.connected) > 0) {
		for i := range next {
			c.hand(&next[i])
		}
		c.r.Local.Attach(c.socket)
		h.Unlock()
		return true, nil
	}
	h.Unlock()
	if !remembered {
		if next, err = c.fetch(); err != nil {
			return false, err
		}
	}
	for i := range next {
		c.hand(&next[i])
		if !c.flush() {
			return false, nil
		}
	}
	return false, nil
}

// fetch reads messages that this server does not remember. Those that it has not delivered itself yet stay
// out: they are to come.
func (c *catchUp) fetch() ([]history.Message, error) {
	if c.r.archive == nil {
		return nil, fmt.Errorf("%w: the messages after %s are forgotten", history.ErrGone, c.cursor)
	}
	ctx, cancel := context.WithTimeout(context.Background(), findTimeout)
	defer cancel()
	entries, err := c.r.archive.After(ctx, c.cursor)
	if err != nil {
		return nil, err
	}
	position := c.r.history.Position()
	for i := range entries {
		if entries[i].ID.Compare(position) > 0 {
			if i == 0 {
				c.cursor = position // there is nothing before it
			}
			return entries[:i], nil
		}
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w: there are no messages after %s", history.ErrGone, c.cursor)
	}
	return entries, nil
}

// hand does for this client what a message would have done.
func (c *catchUp) hand(k *history.Message) {
	c.cursor = k.ID
	if k.Entry.Nsp != c.r.Local.Nsp().Name() {
		return
	}
	p := c.r.replayOf(k)
	if p.message == nil || !c.concerns(&p.message.Opts, k.ID) {
		return
	}
	switch m := p.message; {
	case m.Kind == wire.Broadcast:
		c.handPacket(p, k.ID)
	case k.ID.Compare(c.record.At) <= 0 || k.ID.Compare(c.connected) > 0: // done when it came
	case m.Kind == wire.Join:
		c.join(m.Rooms, k.ID)
	case m.Kind == wire.Leave:
		for _, room := range m.Rooms {
			c.socket.Leave(room)
		}
	case m.Kind == wire.Disconnect:
		c.socket.Disconnect(m.Close)
	}
}

func (c *catchUp) handPacket(p *replay, id wire.StreamID) {
	switch {
	case len(p.encoded) == 0:
		return
	case !p.acked:
		c.last = id
	case id.Compare(c.connected) <= 0:
		return // the caller has ended
	}
	c.send(p)
}

// concerns reports whether a message was for this client: it was in one of the rooms then.
func (c *catchUp) concerns(opts *wire.Options, id wire.StreamID) bool {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	in := func(room rooms.Room) bool {
		since, in := c.session.rooms[room]
		return in && since.Compare(id) < 0
	}
	for _, room := range opts.Except {
		if in(room) {
			return false
		}
	}
	for _, room := range opts.Rooms {
		if in(room) {
			return true
		}
	}
	return len(opts.Rooms) == 0 && in(rooms.Room(c.socket.Id()))
}

// join has the client join rooms at the place of a message.
func (c *catchUp) join(rooms []rooms.Room, at wire.StreamID) {
	c.r.mu.Lock()
	for _, room := range rooms {
		if _, in := c.session.rooms[room]; !in {
			c.session.rooms[room] = at
		}
	}
	c.r.mu.Unlock()
	c.socket.Join(rooms...)
}

// send writes an event to the client.
func (c *catchUp) send(p *replay) {
	c.unwritten += p.bytes
	flags := &p.message.Opts.Flags
	switch conn, _ := c.socket.Conn().(*engine.Conn); {
	case conn == nil:
		write := &socket.WriteOptions{PreEncoded: true}
		write.Compress = flags.Compress
		c.socket.Client().WriteToEngine(p.encoded, write)
	case c.unwritten > maxUnwritten:
		written := make(chan struct{})
		conn.SendMessage(rooms.NewMessage(p.encoded, flags, "", func() { close(written) }))
		c.written = written
	default:
		conn.SendMessage(p.ready)
	}
}

// flush returns when the client's connection has taken what was sent, false when it has ended.
func (c *catchUp) flush() bool {
	if c.written == nil {
		return c.socket.Connected()
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for c.socket.Connected() {
		select {
		case <-c.written:
			c.written, c.unwritten = nil, 0
			return true
		case <-ticker.C:
		}
	}
	return false
}
