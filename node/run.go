package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"chorus/node/config"

	"golang.org/x/sync/errgroup"
)

// Limits of the HTTP servers. They hold for every request: package engine lifts them for a poll that
// waits for a message, and for a WebSocket.
const (
	readHeaderTimeout = 10 * time.Second
	bodyTimeout       = 30 * time.Second // to read a request, and to write its answer
	idleTimeout       = 2 * time.Minute  // longer than load balancers keep a connection
	maxHeaderBytes    = 32 << 10
)

// startTimeout is how long Run waits for Redis before it gives up.
const startTimeout = 5 * time.Second

// ErrStart is wrapped by the errors of a node that cannot start; their text says what to do.
var ErrStart = errors.New("cannot start")

// Run listens and serves until ctx ends, then drains: it is not ready at once, and after drain.delay
// it refuses new clients, closes the connections of those that are there, who connect to another node
// by themselves, and publishes what waits for Redis, all within drain.timeout. A node runs once.
func (n *Node) Run(ctx context.Context) error {
	defer n.logs.Flush()
	if err := n.open(ctx); err != nil {
		ended, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = n.Close(ended) // the first error is the one to tell
		return err
	}
	return n.serve(ctx)
}

// open waits for Redis and listens.
func (n *Node) open(ctx context.Context) error {
	if n.redis != nil {
		if err := n.redis.await(ctx, startTimeout); err != nil {
			return err
		}
	}
	if err := n.auth.await(ctx, startTimeout); err != nil {
		return err
	}
	public, err := listen(ctx, "listen", n.cfg.Listen)
	if err != nil {
		return err
	}
	n.public = n.limitTCP(public)
	attrs := []any{slog.String("addr", n.public.Addr().String())}
	if n.cfg.Admin.Listen != "" {
		admin, err := listen(ctx, "admin.listen", n.cfg.Admin.Listen)
		if err != nil {
			return errors.Join(err, n.public.Close())
		}
		n.admin = newTCPLimit(admin, ownTCP(maxDescriptors(), n.cfg.API.Listen == config.APIAdmin), 0, n.log)
		attrs = append(attrs, slog.String("admin", n.admin.Addr().String()))
	}
	if address := apiAddress(&n.cfg); address != "" {
		own, err := listen(ctx, "api.listen", address)
		if err != nil {
			return errors.Join(err, n.public.Close(), closeListener(n.admin))
		}
		n.own = newTCPLimit(own, ownTCP(maxDescriptors(), true), 0, n.log)
		attrs = append(attrs, slog.String("api", n.own.Addr().String()))
	}
	n.listening.Store(true)
	n.nodes.SetTLS(n.cert != nil)
	n.nodes.SetAddress(cmp.Or(n.cfg.Cluster.Advertise, reachableAt(n.public.Addr())))
	n.publish(ctx)
	n.log.Info("listening", attrs...)
	return nil
}

// serve serves what open has opened until ctx ends, then drains.
func (n *Node) serve(ctx context.Context) error {
	servers, listeners := []*http.Server{newServer(n.handler, n.log)}, []net.Listener{n.public}
	if n.admin != nil {
		servers, listeners = append(servers, newServer(n.adminRoutes(), n.log)), append(listeners, n.admin)
	}
	if n.own != nil {
		servers, listeners = append(servers, newServer(n.apiRoutes(), n.log)), append(listeners, n.own)
	}
	n.serveForwarded(&n.peers) // it ends with Close
	ctx, end := context.WithCancel(ctx)
	defer end()
	group, stop := errgroup.WithContext(ctx)
	for i, server := range servers {
		if i == 0 && n.cert != nil {
			server.TLSConfig = n.cert.config()
		}
		group.Go(func() error { return serve(server, listeners[i]) }) // ends with drain
	}
	notifySystemd("READY=1") // the listeners are open
	alive, endAlive := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error { // ends with the drain
		feedWatchdog(alive)
		return nil
	})
	group.Go(func() error { // ends with ctx
		n.tendMemory(stop)
		return nil
	})
	if n.cert != nil {
		group.Go(func() error { // ends with ctx
			n.cert.watch(stop, n.log)
			return nil
		})
	}
	if n.redis != nil {
		group.Go(func() error { // ends with ctx
			n.others.watch(stop, n.io.Sockets().Adapter().ServerCount, func() int { return len(n.nodes.Nodes()) })
			return nil
		})
	}
	group.Go(func() error { // ends with ctx
		n.takeSamples(stop)
		return nil
	})
	if n.announcer != nil {
		group.Go(func() error { // ends with ctx
			n.announcer.Run(stop)
			return nil
		})
	}
	group.Go(func() error {
		select {
		case <-stop.Done():
		case <-n.stop:
		}
		defer end()
		defer endAlive()
		notifySystemd("STOPPING=1")
		return n.drain(context.WithoutCancel(ctx), servers)
	})
	return group.Wait()
}

// serve returns nil when the server was shut down.
func serve(server *http.Server, listener net.Listener) error {
	var err error
	if server.TLSConfig != nil {
		err = server.ServeTLS(listener, "", "")
	} else {
		err = server.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      bodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnContext:       connContext,
		ConnState:         followState,
		ErrorLog:          httpErrorLog(log),
	}
}

// httpErrorLog returns the log for what net/http itself has to say.
func httpErrorLog(log *slog.Logger) *stdlog.Logger { return stdlog.New(httpErrors{log}, "", 0) }

// httpErrors logs lines of net/http as one kind: their texts hold addresses of clients.
type httpErrors struct{ log *slog.Logger }

// Write implements io.Writer.
func (e httpErrors) Write(line []byte) (int, error) {
	e.log.Warn("http server", slog.String("error", strings.TrimSpace(string(line))))
	return len(line), nil
}

// closeListener closes a listener, if there is one.
func closeListener(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

func listen(ctx context.Context, field, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: %s: the address %s is taken: stop the program that listens there, or choose another with %s", ErrStart, field, address, variableOf(field))
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", ErrStart, field, err)
	}
	return listener, nil
}
