package node

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"chorus/node/config"
	"chorus/node/heap"
	"chorus/node/listener"
	"chorus/node/systemd"

	"golang.org/x/sync/errgroup"
)

// startTimeout is how long Run waits for Redis before it gives up.
const startTimeout = 5 * time.Second

// Run listens and serves until ctx ends, then drains: it is not ready at once, and after drain.delay
// it refuses new clients, closes the connections of those that are there, who connect to another node
// by themselves, and publishes what waits for Redis, all within drain.timeout. A node runs once.
func (n *Node) Run(ctx context.Context) error {
	defer n.logs.Flush()
	if err := n.Open(ctx); err != nil {
		ended, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = n.Close(ended) // the first error is the one to tell
		return err
	}
	return n.Serve(ctx)
}

// Open waits for Redis and listens, which Run does by itself. Serve must follow, or Close.
func (n *Node) Open(ctx context.Context) error {
	if n.redis != nil {
		if err := n.redis.Await(ctx, startTimeout); err != nil {
			return err
		}
	}
	if err := n.auth.await(ctx, startTimeout); err != nil {
		return err
	}
	public, err := listener.Public(ctx, &n.cfg, n.log)
	if err != nil {
		return err
	}
	n.public = public
	n.metrics.WatchTCP(public)
	attrs := []any{slog.String("addr", n.public.Addr().String())}
	if n.cfg.Admin.Listen != "" {
		if n.admin, err = listener.Own(ctx, "admin.listen", n.cfg.Admin.Listen, n.cfg.API.Listen == config.APIAdmin, n.log); err != nil {
			return errors.Join(err, n.public.Close())
		}
		attrs = append(attrs, slog.String("admin", n.admin.Addr().String()))
	}
	if address := apiAddress(&n.cfg); address != "" {
		if n.own, err = listener.Own(ctx, "api.listen", address, true, n.log); err != nil {
			return errors.Join(err, n.public.Close(), listener.CloseListener(n.admin))
		}
		attrs = append(attrs, slog.String("api", n.own.Addr().String()))
	}
	n.listening.Store(true)
	n.nodes.SetTLS(n.cert != nil)
	n.nodes.SetAddress(cmp.Or(n.cfg.Cluster.Advertise, reachableAt(n.public.Addr())))
	n.publish(ctx)
	n.log.Info("listening", attrs...)
	return nil
}

// Addr returns the public address of a node that listens.
func (n *Node) Addr() net.Addr { return n.public.Addr() }

// Wrap changes what serves the public endpoints. It must be called before Serve.
func (n *Node) Wrap(wrap func(http.Handler) http.Handler) { n.handler = wrap(n.handler) }

// Serve serves what Open has opened until ctx ends, then drains.
func (n *Node) Serve(ctx context.Context) error {
	servers, listeners := []*http.Server{listener.NewServer(n.handler, n.log)}, []net.Listener{n.public}
	if n.admin != nil {
		servers, listeners = append(servers, listener.NewServer(n.adminRoutes(), n.log)), append(listeners, n.admin)
	}
	if n.own != nil {
		servers, listeners = append(servers, listener.NewServer(n.apiRoutes(), n.log)), append(listeners, n.own)
	}
	n.serveForwarded(&n.peers) // it ends with Close
	ctx, end := context.WithCancel(ctx)
	defer end()
	group, stop := errgroup.WithContext(ctx)
	for i, server := range servers {
		if i == 0 && n.cert != nil {
			server.TLSConfig = n.cert.TLS()
		}
		group.Go(func() error { return listener.Serve(server, listeners[i]) }) // ends with drain
	}
	systemd.Notify("READY=1") // the listeners are open
	alive, endAlive := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error { // ends with the drain
		systemd.FeedWatchdog(alive)
		return nil
	})
	group.Go(func() error { // ends with ctx
		heap.Tend(stop, int64(n.cfg.MinHeap), n.engine.ClientsCount)
		return nil
	})
	if n.cert != nil {
		group.Go(func() error { // ends with ctx
			n.cert.Watch(stop, n.log)
			return nil
		})
	}
	if n.redis != nil {
		group.Go(func() error { // ends with ctx
			n.others.Watch(stop, n.io.Sockets().Adapter().ServerCount, func() int { return len(n.nodes.Nodes()) })
			return nil
		})
	}
	group.Go(func() error { // ends with ctx
		n.samples.Take(stop)
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
		systemd.Notify("STOPPING=1")
		return n.drain(context.WithoutCancel(ctx), servers)
	})
	return group.Wait()
}
