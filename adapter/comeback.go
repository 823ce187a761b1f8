package adapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"chorus/adapter/wire"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

const (
	// maxAtOnce is up to how many messages are looked at while no others are handed on.
	maxAtOnce = 16
	// maxNext is how many a client that comes back has in hand at a time.
	maxNext = 64
	// maxUnwritten is how many bytes of what a client has missed are on their way to it at a time: more
	// than a connection may have waiting would end it.
	maxUnwritten = 32 << 10
	// catchUpTimeout bounds how long a client waits for this node, which has not yet come as far as the
	// client was on another one.
	catchUpTimeout = 5 * time.Second
)

// comeback is a client that has its session again and gets what it has missed, until it is reached by
// what comes from then on.
//
// That begins when it has connected, not before, as in Node.js: the official client keeps what comes before
// CONNECT and handles it when it is connected. Should the connection break in between, it would handle
// that and, from the next connection, all of it again.
type comeback struct {
	r      *recovery
	socket *socket.Socket
	record *wire.Session

	session   *liveSession
	cursor    wire.StreamID // up to here, all is done
	connected wire.StreamID // what came after this was sent when the client was here again
	last      wire.StreamID // the last message that was for the client
	unwritten int           // bytes
	written   chan struct{} // closed when they are; nil while nobody knows
}

// connect puts the socket into its rooms.
func (c *comeback) connect(owner string) {
	r := c.r
	c.session = &liveSession{
		r: r, socket: c.socket, pid: c.record.Pid, owner: owner, turn: c.record.Turn + 1, start: c.record.Start, rooms: c.record.Rooms,
		own: make(map[socket.Room]struct{}, len(c.record.Own)),
	}
	for _, room := range c.record.Own {
		c.session.own[room] = struct{}{}
	}
	c.session.back = c
	r.begin(c.session)
	// What there was before is no later than what it says that it has got, or is handed on now.
	if c.last = c.record.Last; c.last.Compare(c.cursor) > 0 {
		c.last = c.cursor
	}
	rooms := make([]socket.Room, 0, len(c.record.Rooms))
	r.mu.Lock()
	for room := range c.session.rooms {
		rooms = append(rooms, room)
	}
	r.mu.Unlock()
	r.local.joined(r.local.index.add(c.socket.Id(), rooms))
	c.connected = r.history.position() // from here on, others make it join and leave
	c.socket.Enqueue(c.run)            // behind the handlers of "connection"
}

var errGone = errors.New("adapter: messages that a client has missed are gone")

// run brings the client up to date.
func (c *comeback) run() {
	ctx, cancel := context.WithTimeout(context.Background(), catchUpTimeout)
	defer cancel()
	err := c.catchUp(ctx)
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
	c.r.log.Warn("a client that came back cannot be brought up to date, and has to come again",
		slog.String("socket", string(c.socket.Id())), slog.Any("error", err))
	c.socket.Conn().Close(true)
}

// catchUp waits until this node has come as far as the client.
func (c *comeback) catchUp(ctx context.Context) error {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for c.r.history.position().Compare(c.cursor) < 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: the client has seen %s, this node %s", ErrUnavailable, c.cursor, c.r.history.position())
		case <-ticker.C:
		}
	}
	return nil
}

// finish has the session written as that of a client that has got all there was.
func (c *comeback) finish() {
	c.r.mu.Lock()
	c.session.back, c.session.last = nil, c.last
	c.r.mu.Unlock()
	c.r.store.changed(c.session)
}

// step hands on the next messages. It is done when there are few enough to do that, and to have the
// socket reached by the next, in one go. What may run handlers is handed on before.
func (c *comeback) step() (done bool, err error) {
	h := c.r.history
	h.mu.Lock()
	next, all, remembered := h.after(c.cursor, maxNext)
	if remembered && all && len(next) <= maxAtOnce && (len(next) == 0 || next[0].id.Compare(c.connected) > 0) {
		for i := range next {
			c.hand(&next[i])
		}
		c.r.local.attach(c.socket)
		h.mu.Unlock()
		return true, nil
	}
	h.mu.Unlock()
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

// fetch reads messages that this node does not remember. Those that it has not handed on itself yet stay
// out: they are to come.
func (c *comeback) fetch() ([]kept, error) {
	if c.r.far == nil {
		return nil, fmt.Errorf("%w: the messages after %s are forgotten", errGone, c.cursor)
	}
	ctx, cancel := context.WithTimeout(context.Background(), recoveryTimeout)
	defer cancel()
	entries, err := c.r.far.after(ctx, c.cursor)
	if err != nil {
		return nil, err
	}
	position := c.r.history.position()
	for i := range entries {
		if entries[i].id.Compare(position) > 0 {
			if i == 0 {
				c.cursor = position // there is nothing before it
			}
			return entries[:i], nil
		}
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w: there are no messages after %s", errGone, c.cursor)
	}
	return entries, nil
}

// hand does for this client what a message would have done.
func (c *comeback) hand(k *kept) {
	c.cursor = k.id
	if k.entry != nil && k.entry.Nsp != c.r.local.nsp.Name() {
		return
	}
	p := c.r.replayOf(k)
	if p.said == nil || !c.concerns(&p.said.Opts, k.id) {
		return
	}
	switch m := p.said; {
	case m.Kind == wire.Broadcast:
		c.handPacket(p, k.id)
	case k.id.Compare(c.record.At) <= 0 || k.id.Compare(c.connected) > 0: // done when it came
	case m.Kind == wire.Join:
		c.join(m.Rooms, k.id)
	case m.Kind == wire.Leave:
		for _, room := range m.Rooms {
			c.socket.Leave(room)
		}
	case m.Kind == wire.Disconnect:
		c.socket.Disconnect(m.Close)
	}
}

func (c *comeback) handPacket(p *replay, id wire.StreamID) {
	switch {
	case len(p.encoded) == 0:
		return
	case !p.acked:
		c.last = id
	case id.Compare(c.connected) <= 0:
		return // nobody waits for the answer any more
	}
	c.send(p)
}

// repeats tells whether a client that misses an event gets it later.
func repeats(packet *parser.Packet, flags *socket.BroadcastFlags) bool {
	return packet.Id == nil && !flags.Volatile
}

// withOffset returns an event with where it stands behind its arguments: the client says it when it comes back.
func withOffset(packet *parser.Packet, flags *socket.BroadcastFlags, offset string) *parser.Packet {
	data, ok := packet.Data.([]any)
	if !ok || offset == "" || !repeats(packet, flags) {
		return packet
	}
	marked := *packet
	marked.Data = slices.Concat(data, []any{offset})
	return &marked
}

// concerns tells whether a message was for this client: it was in one of the rooms then.
func (c *comeback) concerns(opts *wire.Options, id wire.StreamID) bool {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	in := func(room socket.Room) bool {
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
	return len(opts.Rooms) == 0 && in(socket.Room(c.socket.Id()))
}

// join has the client join rooms at the place of a message.
func (c *comeback) join(rooms []socket.Room, at wire.StreamID) {
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
func (c *comeback) send(p *replay) {
	c.unwritten += p.bytes
	flags := &p.said.Opts.Flags
	switch conn := connOf(c.socket); {
	case conn == nil:
		write := &socket.WriteOptions{PreEncoded: true}
		write.Compress = flags.Compress
		c.socket.Client().WriteToEngine(p.encoded, write)
	case c.unwritten > maxUnwritten:
		written := make(chan struct{})
		conn.SendMessage(message(p.encoded, flags, "", func() { close(written) }))
		c.written = written
	default:
		conn.SendMessage(p.message)
	}
}

// flush returns when the client's connection has taken what was sent, false when it has ended.
func (c *comeback) flush() bool {
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
