package node

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	eio "chorus/engine"

	"github.com/zishang520/socket.io/servers/engine/v3"
)

// drain ends the node within drain.timeout. It is not ready at once, but during drain.delay it takes
// clients as before: load balancers notice late. The public listener stays open until the connections
// are closed, so that /readyz can say why this node gets no more clients.
func (n *Node) drain(ctx context.Context, servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Drain.Timeout)
	defer cancel()
	n.draining.Store(true)
	n.nodes.Refresh()
	n.log.Info("draining", slog.Uint64("connections", n.engine.ClientsCount()),
		slog.Duration("delay", n.cfg.Drain.Delay), slog.Duration("period", n.cfg.Drain.Period))
	time.Sleep(n.cfg.Drain.Delay) // Validate has made it shorter than drain.timeout
	n.closing.Store(true)
	n.moveClients(ctx)

	for _, server := range servers {
		server.SetKeepAlivesEnabled(false)
	}
	err := n.Close(ctx)
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(ctx))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		// The grace period is over: what is left is cut off.
		n.log.Warn("not everything was done within drain.timeout", slog.Any("error", err))
		for _, server := range servers {
			_ = server.Close()
		}
		err = nil
	}
	n.log.Info("stopped")
	return err
}

// closeConnections closes the transports of the clients that are left. They get no DISCONNECT packet: the
// official client takes that for final, and would not connect to another node.
func (n *Node) closeConnections() {
	n.engine.Clients().Range(func(_ string, client engine.Socket) bool {
		if conn, ok := client.(*eio.Conn); ok {
			conn.Retire()
		}
		return true
	})
}
