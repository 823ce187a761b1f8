package chat

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"chorus/adapter"
	"chorus/auth/permission"
	"chorus/chat/event"
	"chorus/chat/lane"
	"chorus/chat/notice"
	"chorus/chat/rule"
	"chorus/chat/store"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Options configure New. Store is needed; the zero value of everything else is useful.
type Options struct {
	// Store keeps the state. New starts it; the caller closes it, after the Chat.
	Store store.Store
	// Nodes are the nodes of the cluster, which ask each other about their clients; default this node alone.
	Nodes Cluster
	// Rooms say what rooms keep and tell. The first pattern that fits a name counts; without one a room keeps nothing.
	Rooms []rule.RoomPolicy
	// DirectHistory bounds what is kept of the conversation of two users; default nothing.
	DirectHistory store.Bounds
	// Presence says who is told about the users of a room.
	Presence lane.PresenceOptions
	// Idempotency is how long the id that a client chose for a message is remembered; default 5 minutes.
	Idempotency time.Duration
	// Typing is when a user who types stops by itself; default 5 s.
	Typing time.Duration
	// MaxValue is the size of the largest value that is kept, in bytes; default 65536.
	MaxValue int
	// MaxMentions is how many users a message may name; default 100.
	MaxMentions int
	// Timeout bounds what a request waits for Redis; default 5 s.
	Timeout time.Duration
	// Open permits everything to every client. It is for a node without keys, whose clients have no tokens.
	Open bool
	// MaxRooms is how many rooms a client may join; default DefaultMaxRooms.
	MaxRooms int
	// TotalOrder says that a message which Redis does not accept reaches nobody, not even the clients of this node.
	TotalOrder bool
	// Meta gives "message" one more argument behind the value: who sent it, when, and its id.
	Meta bool
	// PublishWithoutJoin lets clients publish to rooms that they have not joined.
	PublishWithoutJoin bool
	// NameClaim is the claim with the name of a user, as a path with dots; default DefaultNameClaim.
	NameClaim string
	// Events are the declared events. One takes the place of the request of the same name in its namespace. Open must be
	// called for their namespaces, but for that of the Chat.
	Events []*event.Event
	// Targets are the back ends that are told what happens, as the Store knows them; default none.
	Targets *notice.Targets
	// OnConnect is done for each client that connects to a namespace, by its name; default nothing.
	OnConnect map[string]*event.Event
	// Relay sends each event that nobody handles to everybody, for a first afternoon; default false.
	Relay bool
	// Peers reports whether there are servers of others, such as Node.js, which do not know the store: they are sent
	// what is said in rooms with history; default never. It must not block.
	Peers func() bool
	// OnUnknown is called with each event that nobody handles and the events that are handled; default nothing. It
	// must not block.
	OnUnknown func(namespace, event string, handled []string)
	// Logger gets what goes wrong; default no log.
	Logger *slog.Logger
}

// DefaultNameClaim is the claim with the name of a user.
const DefaultNameClaim = "name"

func (o Options) withDefaults() Options {
	if o.MaxRooms <= 0 {
		o.MaxRooms = DefaultMaxRooms
	}
	if o.NameClaim == "" {
		o.NameClaim = DefaultNameClaim
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Idempotency = cmp.Or(o.Idempotency, 5*time.Minute)
	o.Typing = cmp.Or(o.Typing, 5*time.Second)
	o.MaxValue = cmp.Or(o.MaxValue, 64<<10)
	o.MaxMentions = cmp.Or(o.MaxMentions, 100)
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	o.Presence.Grace = max(0, cmp.Or(o.Presence.Grace, 5*time.Second))
	o.Presence.BatchAbove = cmp.Or(o.Presence.BatchAbove, 200)
	o.Presence.CountsAbove = cmp.Or(o.Presence.CountsAbove, 5000)
	o.Presence.MaxData = cmp.Or(o.Presence.MaxData, 1<<10)
	return o
}

// Chat is the chat product of one node. Its methods are safe for concurrent use.
type Chat struct {
	opts         Options
	nsp          socket.Namespace
	publisher    adapter.Publisher
	store        store.Store
	policies     *rule.Policies
	requests     map[string]requests        // of each namespace, by its name
	relayed      func(name string) *request // nil without Options.Relay
	countsOnline bool                       // who is online is counted, for declared events that tell it
	hooks        hooks
	lanes        *lane.Lanes
	stats        Stats

	running context.Context // ends with Close
	stop    context.CancelFunc
	tasks   sync.WaitGroup

	asking   asking
	browsing chan struct{} // slots of requests that list rooms
	traces   traces

	mu         sync.Mutex
	namespaces []socket.Namespace
}

// New makes the chat product of a namespace, whose adapter must be one of package adapter. The sockets of every
// namespace of the server must pass Watch. Close ends it.
func New(nsp socket.Namespace, opts Options) (*Chat, error) {
	publisher, ok := adapter.Of(nsp)
	if !ok {
		return nil, errors.New("chat: the adapter of the namespace is not one of package adapter")
	}
	if opts.Store == nil {
		return nil, errors.New("chat: Options.Store is missing")
	}
	c := &Chat{
		opts: opts.withDefaults(), nsp: nsp, publisher: publisher, store: opts.Store, policies: rule.NewPolicies(opts.Rooms, opts.DirectHistory),
	}
	c.running, c.stop = context.WithCancel(context.Background())
	c.lanes = lane.New(lane.Options{
		Namespace: nsp, Publisher: publisher, Feed: c.store, Policies: c.policies, Presence: c.opts.Presence, Typing: c.opts.Typing,
		Logger: c.opts.Logger, Delivered: c.delivered,
		Untold: func(users int) { c.stats.Untold.Add(uint64(users)) }, //nolint:gosec // not negative
	})
	c.store.Start(sink{c})
	c.tasks.Go(func() { c.lanes.Run(c.running) }) // ends with Close
	c.browsing = make(chan struct{}, maxBrowsing)
	c.asking = asking{waiting: make(map[string]chan nodeAnswer), slots: make(chan struct{}, maxAsked)}
	if c.opts.Nodes != nil {
		c.tasks.Go(func() { c.listen(c.running) }) // ends with Close
	}
	c.requests = map[string]requests{nsp.Name(): c.builtIn()}
	c.declare()
	return c, c.Open(nsp)
}

// Open has the Chat serve the clients of a namespace. New does it for its own; a program calls it for each other
// namespace with declared events.
func (c *Chat) Open(nsp socket.Namespace) error {
	connected := func(args ...any) {
		if cl := clientOf(args[0].(*socket.Socket)); cl != nil { //nolint:errcheck,forcetypeassert // the library's contract for this event
			cl.begin()
		}
	}
	c.mu.Lock()
	c.namespaces = append(c.namespaces, nsp)
	c.mu.Unlock()
	// A client that authenticates by event comes into rooms when it has done so.
	return errors.Join(nsp.On("connection", connected), nsp.On("authenticated", connected))
}

// Close ends the goroutines. The store need not hear of each client that leaves with the node. It is idempotent.
func (c *Chat) Close() {
	c.stop()
	c.tasks.Wait()
}

// context bounds what a request waits for Redis.
func (c *Chat) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.running, c.opts.Timeout)
}

// begin puts a client into the rooms that it has from the beginning, before any of its events is handled.
func (cl *client) begin() {
	c := cl.chat
	if !c.opts.Open && cl.claims() == nil {
		return // it has not authenticated yet
	}
	granted := cl.takeGranted()
	if granted != nil {
		cl.addClaims(granted.Extra)
	}
	cl.beginOnline()
	if cl.socket.Nsp() == c.nsp {
		cl.beginUser() // of a client that authenticates by event
		cl.beginPlaced()
		if cl.socket.Recovered() {
			cl.recovered(granted)
		}
		if granted != nil {
			cl.joinAll(granted)
		}
		for _, room := range cl.wanted() {
			if err := cl.joinWanted(room); err != nil {
				cl.left(room, c.refusalOf(err))
			}
		}
	}
	cl.greet()
	if granted != nil {
		c.after(granted, nil)
	}
}

// beginUser makes the socket one of those of its user, unless it is one.
func (cl *client) beginUser() {
	user := cl.user()
	cl.mu.Lock()
	done := user.ID == "" || cl.own != nil || cl.gone
	cl.mu.Unlock()
	if done {
		return
	}
	c, room := cl.chat, rule.UserRoom(user.ID)
	ctx, cancel := c.context()
	defer cancel()
	p := c.policies.Room(room)
	l, err := c.lanes.Acquire(ctx, room)
	if err != nil {
		c.debug("the room of a user is not followed yet", slog.Any("error", err))
	}
	cl.socket.Join(socket.Room(room))
	cl.mu.Lock()
	gone := cl.gone
	cl.own = &membership{place: p, lane: l}
	cl.mu.Unlock()
	if gone {
		l.Release()
		return
	}
	_, _ = cl.arrive(ctx, p) // the store goes on by itself
	if !cl.socket.Connected() {
		time.AfterFunc(connectPatience, func() { cl.awaitConnect(room) })
	}
}

// connectPatience is when a socket that has not connected yet is looked at again.
const connectPatience = time.Second

// awaitConnect ends a client that a later middleware has refused: the library takes its socket out of all rooms, and
// says nothing.
func (cl *client) awaitConnect(room string) {
	switch s := cl.socket; {
	case s.Connected():
	case s.Rooms().Has(socket.Room(room)) && s.Conn().ReadyState() != "closed":
		time.AfterFunc(connectPatience, func() { cl.awaitConnect(room) })
	default:
		cl.end()
	}
}

// maxWanted bounds the rooms that a handshake may name.
const maxWanted = 100

// wanted returns the rooms that the handshake names in its auth object: {token, rooms}.
func (cl *client) wanted() []string {
	list, _ := cl.socket.Handshake().Auth["rooms"].([]any)
	var rooms []string
	for _, item := range list[:min(len(list), maxWanted)] {
		if room, ok := item.(string); ok {
			rooms = append(rooms, room)
		}
	}
	return rooms
}

// joinWanted joins a room that the handshake names.
func (cl *client) joinWanted(room string) error {
	ca := &call{client: cl, args: []any{room}}
	p, err := ca.place(rule.EventJoin)
	if err != nil {
		return err
	}
	return cl.joinQuietly(p)
}

// end is called when the socket has ended: it leaves its rooms, of which the cluster is told after the grace.
func (cl *client) end() {
	cl.mu.Lock()
	cl.gone = true
	rooms, watching := slices.Collect(maps.Values(cl.rooms)), cl.watching
	if cl.own != nil {
		rooms = append(rooms, cl.own)
	}
	cl.rooms, cl.watching, cl.own = nil, nil, nil
	cl.stopTyping("")
	cl.mu.Unlock()
	cl.endOnline()
	if len(rooms) == 0 && len(watching) == 0 {
		return
	}
	cl.chat.tasks.Go(func() { // ends when the store has answered
		for _, m := range rooms {
			cl.depart(m, cl.chat.opts.Presence.Grace)
		}
		for _, l := range watching {
			l.Release()
		}
	})
}

// permits reports whether a client may do something at this moment: a new token replaces the rights of the old one.
func (ca *call) permits(action permission.Action, room string) bool {
	return ca.chat.opts.Open || rule.Permits(ca.claims(), action, room)
}

// send publishes an event to the cluster and calls done with the outcome. While Redis is away, an event without done
// waits for it; the others fail at once, so that the sender can decide what to do.
func (c *Chat) send(event []any, opts *socket.BroadcastOptions, done func(error)) {
	c.publisher.Publish(&parser.Packet{Type: parser.EVENT, Data: event}, opts, done)
}

// sendFor is send for a request, which is answered with the outcome.
func (ca *call) sendFor(r string, event []any, opts *socket.BroadcastOptions, a *Action, answer map[string]any) {
	if !ca.asked {
		ca.chat.send(event, opts, nil)
		ca.chat.after(a, nil)
		return
	}
	maps.Copy(answer, a.Ack)
	ca.chat.send(event, opts, func(err error) {
		ca.chat.after(a, err)
		if err != nil {
			ca.refuse(r, err)
			return
		}
		ca.ok(answer)
	})
}

// debug logs at level debug.
func (c *Chat) debug(message string, attrs ...slog.Attr) {
	c.opts.Logger.LogAttrs(context.Background(), slog.LevelDebug, message, attrs...)
}
