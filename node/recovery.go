package node

import (
	"chorus/adapter/session"
	"chorus/auth"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// recoveryOptions returns those of the sessions.
func (n *Node) recoveryOptions() session.Options {
	n.metrics.WatchRecovery()
	return session.Options{
		MaxDisconnection: n.cfg.Recovery.MaxDisconnection,
		OwnerOf:          ownerOf,
		Observe:          n.metrics.ObserveRecovery,
		Logger:           n.log,
	}
}

// ownerOf returns the owner of a session that a Node.js server has written: it has the claims that this node has put
// into the data of the socket before, or that its own middleware has.
func ownerOf(data any) (owner string, known bool) {
	fields, _ := data.(map[string]any)
	claims, _ := fields["decoded"].(map[string]any)
	subject, known := claims["sub"].(string)
	issuer, _ := claims["iss"].(string)
	return ownerName(issuer, subject), known
}

func ownerName(issuer, subject string) string { return issuer + "\n" + subject }

// recoverVerified gives a client its session back whose token is good, if it was the same subject's of the
// same issuer.
func recoverVerified(s *socket.Socket, claims *auth.Claims) {
	session.Resume(s, ownerName(claims.Issuer(), claims.Subject()))
}

// recoverAnybody is the middleware for a node that lets everybody in.
func recoverAnybody(s *socket.Socket, next func(*socket.ExtendedError)) {
	session.Resume(s, "")
	next(nil)
}
