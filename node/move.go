package node

import (
	"context"
	"math/rand/v2"
	"time"

	"chorus/engine"

	eio "github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// drainingEvent tells a client that its node ends.
const drainingEvent = "server:draining"

const (
	// perClient is how much of drain.period a client takes at most: a node with few clients ends sooner.
	perClient = 200 * time.Millisecond
	// maxRetryAfter is the longest time that clients are told to wait. It spreads those that are told together.
	maxRetryAfter = time.Second
)

// moveClients has the clients connect to other nodes, one after the other over drain.period, each at a
// random time of its share. It returns when all were told, or when ctx ends.
func (n *Node) moveClients(ctx context.Context) {
	moves := n.moves()
	period := n.drainPeriod(ctx, len(moves))
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i, move := range moves {
		share := period / time.Duration(len(moves))
		timer.Reset(time.Until(began.Add(time.Duration(i)*share + time.Duration(rand.Float64()*float64(share))))) //nolint:gosec // no secret
		select {
		case <-timer.C:
		case <-ctx.Done():
			return // Close ends the rest at once
		}
		move(ctx)
	}
}

// drainPeriod returns over which time so many clients are moved.
func (n *Node) drainPeriod(ctx context.Context, clients int) time.Duration {
	period := min(n.cfg.Drain.Period*9/10, time.Duration(clients)*perClient) // the last ones have time to go
	if end, ok := ctx.Deadline(); ok {
		period = min(period, time.Until(end)*3/4) // what is left is for what they wait for
	}
	return max(period, 0)
}

// moves returns what moves each client: those of this node, and those whose WebSocket this node passes on.
func (n *Node) moves() []func(context.Context) {
	moves := n.forward.Sockets()
	n.engine.Clients().Range(func(_ string, client eio.Socket) bool {
		if conn, ok := client.(*engine.Conn); ok {
			moves = append(moves, func(context.Context) { n.moveClient(conn) })
		}
		return true
	})
	rand.Shuffle(len(moves), func(i, j int) { moves[i], moves[j] = moves[j], moves[i] })
	return moves
}

// moveClient tells a client that its node ends, and closes its transport when that is written. It gets no
// DISCONNECT packet, see closeConnections.
func (n *Node) moveClient(conn *engine.Conn) {
	notice := map[string]any{"retry_after_ms": rand.IntN(int(maxRetryAfter.Milliseconds())) + 1} //nolint:gosec // no secret
	for _, queue := range conn.Queues() {
		if s, ok := queue.(*socket.Socket); ok {
			_ = s.Emit(drainingEvent, notice) // it fails for reserved names only
		}
	}
	n.metrics.ObserveMoved()
	conn.Leave()
}
