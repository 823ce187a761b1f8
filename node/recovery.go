package node

import (
	"chorus/adapter"
	"chorus/auth"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// recoveryOptions returns those of the adapter, nil when no client gets its session back.
func (n *Node) recoveryOptions() *adapter.RecoveryOptions {
	if !n.cfg.Recovery.Enabled {
		return nil
	}
	n.metrics.watchRecovery()
	return &adapter.RecoveryOptions{
		MaxDisconnection: n.cfg.Recovery.MaxDisconnection,
		Observe:          n.metrics.observeRecovery,
	}
}

// recoverVerified gives a client its session back whose token is good, if it was the same subject's of the
// same issuer.
func recoverVerified(s *socket.Socket, claims *auth.Claims) {
	adapter.Recover(s, claims.Issuer()+"\n"+claims.Subject())
}

// recoverAnybody is the middleware for a node that lets everybody in.
func recoverAnybody(s *socket.Socket, next func(*socket.ExtendedError)) {
	adapter.Recover(s, "")
	next(nil)
}
