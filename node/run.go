package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// Limits of the HTTP servers. The time to read a request's body is bounded in admit; an answer
// has no limit of time, because a request of long-polling waits for one.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
)

// startTimeout is how long Run waits for Redis before it gives up.
const startTimeout = 5 * time.Second

// ErrStart is wrapped by the errors of a node that cannot start; their text says what to do.
var ErrStart = errors.New("cannot start")

// Run listens and serves until ctx ends, then drains: it is not ready at once, lets no new client
// in, closes the connections of those that are there, who connect to another node by themselves,
// and publishes what waits for Redis, all within drain.timeout. A node runs once.
func (n *Node) Run(ctx context.Context) error {
	if err := n.open(ctx); err != nil {
		ended, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = n.Close(ended) // the first error is the one to tell
		return err
	}
	return n.serve(ctx)
}

// open waits for Redis and listens.
func (n *Node) open(ctx context.Context) (err error) {
	if n.redis != nil {
		if err := n.redis.await(ctx, startTimeout); err != nil {
			return err
		}
	}
	if err := n.gatekeeper.await(ctx, startTimeout); err != nil {
		return err
	}
	if n.public, err = listen(ctx, "listen", n.cfg.Listen); err != nil {
		return err
	}
	attrs := []any{slog.String("addr", n.public.Addr().String())}
	if n.cfg.Admin.Listen != "" {
		if n.admin, err = listen(ctx, "admin.listen", n.cfg.Admin.Listen); err != nil {
			return errors.Join(err, n.public.Close())
		}
		attrs = append(attrs, slog.String("admin", n.admin.Addr().String()))
	}
	n.listening.Store(true)
	n.nodes.SetAddress(reachableAt(n.public.Addr()))
	n.log.Info("listening", attrs...)
	return nil
}

// serve serves what open has opened until ctx ends, then drains.
func (n *Node) serve(ctx context.Context) error {
	servers, listeners := []*http.Server{newServer(n.handler)}, []net.Listener{n.public}
	if n.admin != nil {
		servers, listeners = append(servers, newServer(n.adminRoutes())), append(listeners, n.admin)
	}
	group, stop := errgroup.WithContext(ctx)
	for i, server := range servers {
		group.Go(func() error { return serve(server, listeners[i]) }) // ends with drain
	}
	group.Go(func() error { // ends with ctx
		n.tendMemory(stop)
		return nil
	})
	if n.announcer != nil {
		group.Go(func() error { // ends with ctx
			n.announcer.Run(stop)
			return nil
		})
	}
	group.Go(func() error {
		<-stop.Done()
		return n.drain(context.WithoutCancel(ctx), servers)
	})
	return group.Wait()
}

// serve returns nil when the server was shut down.
func serve(server *http.Server, listener net.Listener) error {
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
	}
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
