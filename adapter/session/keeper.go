// Package session is connection state recovery: a client whose connection broke resumes its session, on any server of
// the cluster.
package session

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"chorus/adapter/history"
	"chorus/adapter/rooms"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Source has the messages that clients may have missed. The transports that keep messages implement it.
type Source interface {
	// History returns the messages of a namespace: the last ones, which this server remembers within limits, and those
	// before, nil where there are none. It is called before the namespace is opened.
	History(nsp string, limits history.Limits) (*history.Log, history.Archive)
	// OnReturn makes the source call fn whenever it is reached again after an outage: Redis may have lost what it had.
	OnReturn(fn func())
}

// Keeper keeps the sessions of the clients of one server. adapter.Options takes it. It is safe for concurrent use.
type Keeper struct {
	source Source
	opts   Options
	log    *slog.Logger
	store  store
	close  func(ctx context.Context) // of the store

	mu         sync.Mutex
	namespaces []*sessions
}

// InMemory returns a keeper for a server that is alone.
func InMemory(source Source, opts Options) *Keeper {
	opts = opts.withDefaults()
	return &Keeper{source: source, opts: opts, log: opts.Logger, store: newMemoryStore(opts), close: func(context.Context) {}}
}

// Namespace is what sessions need of a namespace on this server.
type Namespace struct {
	Local  *rooms.Local
	Server string // the name of this server in the messages of the namespace
	Raw    bool   // its parser has arguments as json.RawMessage
	// Evict tells the server that has a session to end its socket: the server calls Evicted.
	Evict func(holder string, eviction rooms.Room)
}

// Open returns the sessions of a namespace.
func (k *Keeper) Open(n Namespace) rooms.Sessions {
	r := &sessions{
		Namespace: n, keeper: k, opts: k.opts, log: k.log, store: k.store,
		bySocket: make(map[socket.SocketId]*session),
		byPid:    make(map[socket.PrivateSessionId]*place),
		slots:    make(chan struct{}, maxTakeovers),
	}
	r.history, r.archive = k.source.History(n.Local.Nsp().Name(), k.opts.limits())
	k.mu.Lock()
	defer k.mu.Unlock()
	k.namespaces = append(k.namespaces, r)
	return r
}

func (k *Keeper) all() []*sessions {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.namespaces)
}

// Close writes what waits, for as long as ctx allows.
func (k *Keeper) Close(ctx context.Context) { k.close(ctx) }
