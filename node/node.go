package node

import (
	"chorus/auth/revocation"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"chorus/api"
	"chorus/api/hook"
	"chorus/api/webhook"
	"chorus/auth"
	"chorus/chat"
	"chorus/chat/notice"
	"chorus/codec"
	"chorus/engine"
	"chorus/internal/library"
	"chorus/internal/origin"
	"chorus/node/adminui"
	"chorus/node/cluster"
	"chorus/node/forward"
	"chorus/node/handshake"
	"chorus/node/limit"
	"chorus/node/listener"
	"chorus/node/logging"
	"chorus/node/metrics"
	"chorus/node/namespace"
	"chorus/registry"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Node is one node of a cluster. Make it with New; its methods are safe for concurrent use.
type Node struct {
	cfg     Config
	logs    *logging.Log
	log     *slog.Logger // of logs, with its limits
	io      *socket.Server
	chat    *chat.Chat
	api     *api.API
	samples *metrics.Samples
	adminUI atomic.Pointer[adminui.Server] // nil while no key may use it
	state   chat.Store                     // of the chat product
	engine  *engine.Server
	redis   *cluster.Link // nil with the memory adapter
	nodes   *registry.Registry
	// forward passes requests of sessions of other nodes on, and takes those of other nodes.
	forward *forward.Forwarder
	clients swapped // serves the requests of clients
	peers   swapped // serves those that other nodes pass on
	busy    swapped // refuses those that would be passed on, when too many are
	origins atomic.Pointer[origin.List]
	// auth is nil when every client may connect.
	auth       *authentication
	others     cluster.OtherServers
	announcer  *chat.Announcer // nil when clients are not told
	hook       *hook.Hook      // nil when nobody is asked
	webhooks   *webhooks       // nil when nobody is told
	limits     *limit.Bounds
	cert       *listener.Certificate // nil without TLS
	metrics    *metrics.Metrics
	handshakes *handshake.Log
	handler    http.Handler

	public, admin, own net.Listener // open while Run runs; admin and own, that of the API, may be nil

	reloading sync.Mutex    // one reload at a time
	stop      chan struct{} // closed when Run is to drain
	stopOnce  sync.Once

	listening atomic.Bool
	draining  atomic.Bool // the node is not ready any more
	closing   atomic.Bool // it takes no handshake any more
	closeOnce sync.Once
	closeErr  error
}

// New makes a node and, in a cluster, begins to connect to Redis. It validates everything first;
// errors wrap ErrConfig and name the field. A node that is not going to Run is ended with Close.
func New(cfg Config) (*Node, error) {
	if err := Validate(cfg); err != nil {
		return nil, err
	}
	if err := library.Check(); err != nil {
		return nil, err
	}
	logs := logging.New(&cfg)
	n := &Node{cfg: cfg, logs: logs, log: logs.Logger, metrics: metrics.New(), stop: make(chan struct{})}
	n.handshakes = handshake.NewLog(n.log, n.metrics.ObserveRefusal)

	rooms, err := n.connect()
	if err != nil {
		return nil, err
	}

	warnInsecure(&cfg, n.log)
	n.nodes = newRegistry(cfg, n)
	if cfg.HasKeys() {
		if n.auth, err = newAuthentication(cfg, n.redis.Client(), n.nodes, n.log); err != nil {
			return nil, errors.Join(err, n.nodes.Close(context.Background()), n.redis.Close(context.Background()))
		}
		n.metrics.WatchAuthentication(n.auth.verifier, n.auth.revocations, n.auth.store, n.auth.limit)
		if cfg.Auth.JWKSURL != "" {
			n.metrics.WatchJWKS(n.auth.verifier)
		}
	}

	n.limits = limit.New(&cfg, n.redis.Client(), n.log)
	n.metrics.WatchLimits(n.limits)
	counted := metrics.NewRooms(rooms)
	n.metrics.WatchRooms(counted)
	opts := socket.DefaultServerOptions()
	opts.SetConnectTimeout(cfg.ConnectTimeout)
	opts.SetServeClient(false)
	guard := namespace.NewGuard(auth.Adapter(counted), cfg.ConnectTimeout, n.log, n.admission()...)
	opts.SetParser(codec.New(codec.Options{OnUnsendable: n.logUnsendable, OnConnect: guard.Connecting, OnInvalid: n.logInvalid}))
	opts.SetAdapter(guard)
	if cfg.Recovery.Enabled {
		opts.SetConnectionStateRecovery(socket.DefaultConnectionStateRecovery())
	}
	n.io = socket.NewServer(nil, opts)
	if err := guard.Open(n.io); err != nil {
		return nil, err
	}
	n.forward = newForwarder(n)
	n.metrics.WatchForward(n.forward.Stats())
	n.engine = newEngine(cfg, n.log, n.handshakes, n.forward, n.limits)
	if err := library.Bind(n.io, n.engine); err != nil {
		return nil, err
	}
	n.metrics.WatchEngine(n.engine)

	if n.webhooks, err = n.newWebhooks(); err != nil {
		return nil, err
	}
	chatOptions, err := n.chatOptions()
	if err != nil {
		return nil, err
	}
	n.state = chatOptions.Store
	n.chat, err = chat.New(n.io.Sockets(), chatOptions)
	if err != nil {
		return nil, err
	}
	if err := n.openNamespaces(chatOptions.Events, chatOptions.OnConnect); err != nil {
		return nil, err
	}
	n.metrics.WatchChat(n.chat)
	if n.hook, err = n.newHook(); err != nil {
		return nil, err
	}
	if n.hook != nil {
		n.chat.Before(n.hook.Ask)
	}
	if n.webhooks != nil {
		n.webhooks.service.Start()
		if n.auth != nil && n.webhooks.targets.Wants(notice.TokenRevoked, "") {
			n.webhooks.revocations = webhook.NewRevocationTeller(n.auth.revocations, n.state, n.log)
		}
	}
	if err := n.followNamespaces(); err != nil {
		return nil, err
	}
	if n.api, err = n.newAPI(); err != nil {
		return nil, err
	}
	n.metrics.WatchAPI(n.api)
	n.samples = metrics.NewSamples(n.metrics, n.engine)
	n.samples.Answer(n.chat)
	if err := n.openAdminUI(); err != nil {
		return nil, err
	}
	if n.cert, err = listener.NewCertificate(&n.cfg); err != nil {
		return nil, err
	}
	n.handler, err = n.routes()
	return n, err
}

// IO returns the Socket.IO server, to register namespaces, middleware and handlers. Every
// namespace asks for a token.
func (n *Node) IO() *socket.Server { return n.io }

// Chat returns the chat product of the main namespace.
func (n *Node) Chat() *chat.Chat { return n.chat }

// Nodes returns which nodes of the cluster are alive.
func (n *Node) Nodes() *registry.Registry { return n.nodes }

// Health returns nil while the node hears the cluster, or what is wrong with Redis.
func (n *Node) Health() error {
	if n.redis == nil {
		return nil
	}
	return n.redis.Adapter.Health()
}

// Revocations returns the revoked tokens, nil on a node without keys.
func (n *Node) Revocations() *revocation.Set {
	if n.auth == nil {
		return nil
	}
	return n.auth.revocations
}

// Handler returns the public endpoints: Socket.IO, /healthz and /readyz.
func (n *Node) Handler() http.Handler { return n.handler }

// Logger returns the log of the node. Lines that are logged there are not limited in number.
func (n *Node) Logger() *slog.Logger { return n.logs.Program }

// logUnsendable logs what the program has emitted and no client gets as it was meant.
func (n *Node) logUnsendable(err error) {
	n.log.Error("a value cannot be sent", slog.Any("error", err))
}

// logInvalid logs, at level debug, why a client was closed that sent no packet, or one beyond a bound.
func (n *Node) logInvalid(err error) {
	n.log.Debug("a client sent an invalid packet: its connection is closed", slog.Any("error", err))
}

// admission returns the middlewares that decide who connects to a namespace.
func (n *Node) admission() []socket.NamespaceMiddleware {
	watch := n.exceptAdminUI(func(s *socket.Socket, next func(*socket.ExtendedError)) { n.chat.Watch(s, next) })
	if n.auth != nil {
		return []socket.NamespaceMiddleware{n.exceptAdminUI(n.limits.DelayFailures(n.auth.middleware(n))), watch}
	}
	if n.cfg.Recovery.Enabled {
		return []socket.NamespaceMiddleware{n.exceptAdminUI(recoverAnybody), watch}
	}
	return []socket.NamespaceMiddleware{watch}
}

// followNamespaces logs the clients of every namespace, and tells them when the node no longer hears the
// others.
func (n *Node) followNamespaces() error {
	follow := func(nsp socket.Namespace) {
		logConnects(nsp, n.log)
		if n.announcer != nil {
			n.announcer.Add(nsp)
		}
	}
	follow(n.io.Sockets())
	return n.io.Sockets().On("new_namespace", func(args ...any) {
		follow(args[0].(socket.Namespace)) //nolint:errcheck,forcetypeassert // the library's contract for this event
	})
}

// Close ends a node: clients are disconnected and what waits for Redis is published, for as long
// as ctx allows. Run does it by itself. It is idempotent.
func (n *Node) Close(ctx context.Context) error {
	n.closeOnce.Do(func() {
		n.draining.Store(true)
		n.closing.Store(true)
		n.nodes.Refresh()
		n.closeErr = n.auth.stopWaiting()
		n.api.Close()
		if ui := n.adminUI.Load(); ui != nil {
			ui.Close()
		}
		n.closeConnections()
		n.forward.Leave(ctx)
		n.closeErr = errors.Join(n.closeErr, n.engine.Shutdown(ctx)) // handlers finish what clients sent before
		n.forward.Close()
		n.io.Close(nil)
		n.chat.Close()
		if n.hook != nil {
			n.hook.Close()
		}
		if n.webhooks != nil {
			n.webhooks.close()
		}
		n.closeErr = errors.Join(n.closeErr, n.state.Close(ctx))
		if n.auth != nil { // it says goodbye by way of Redis
			n.closeErr = errors.Join(n.closeErr, n.auth.close(ctx))
		}
		n.closeErr = errors.Join(n.closeErr, n.nodes.Close(ctx), n.redis.Close(ctx))
		n.logs.ReportLimited()
	})
	return n.closeErr
}
