package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"chorus/auth"
	"chorus/auth/limit"
	"chorus/auth/refusal"
	"chorus/auth/revocation"
	"chorus/registry"

	"github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// authentication decides which clients may connect: by keys, revocations, and the limit of connections.
type authentication struct {
	verifier    *auth.Verifier
	revocations *revocation.Set
	store       *revocation.Redis  // of the revocations; nil without Redis
	limit       *limit.Connections // nil for none
}

// newAuthentication begins to load keys and revocations; client is nil for a node without Redis.
func newAuthentication(cfg Config, client redis.UniversalClient, nodes *registry.Registry, log *slog.Logger) (*authentication, error) {
	opts, err := verifierOptions(&cfg)
	if err != nil {
		return nil, err
	}
	a := &authentication{}
	a.revocations, a.store = newRevocations(cfg, client, log)
	opts.Revoked, opts.Logger = a.revocations.Revoked, log
	if cfg.Auth.MaxConnections > 0 {
		opts := limit.Options{
			Max:    int(cfg.Auth.MaxConnections),
			Policy: limit.Policy(cfg.Auth.MaxConnectionsPolicy),
			Prefix: cfg.Cluster.Redis.Prefix,
			Logger: log,
		}
		if client != nil {
			opts.Client, opts.Registry = client, nodes
		}
		a.limit, err = limit.New(opts)
	}
	if err == nil {
		a.verifier, err = auth.NewVerifier(opts)
	}
	if err != nil {
		return nil, errors.Join(err, a.close(context.Background()))
	}
	return a, nil
}

// middleware authenticates clients.
func (a *authentication) middleware(n *Node) socket.NamespaceMiddleware {
	cfg, m := &n.cfg, n.metrics
	var verified func(*socket.Socket, *auth.Claims)
	if cfg.Recovery.Enabled {
		verified = recoverVerified
	}
	return auth.Middleware(a.verifier, auth.MiddlewareOptions{
		Verified:     verified,
		Mode:         auth.Mode(cfg.Auth.Mode),
		EventTimeout: cfg.Auth.EventTimeout,
		ExpiryNotice: orNone(cfg.Auth.ExpiryNotice),
		Cookie:       cfg.Auth.Cookie,
		Scrub:        cfg.Auth.Scrub,
		OriginListed: func(header string) bool { return n.origins.Load().Names(header) },
		Revocations:  a.revocations,
		Limit:        a.limit,
		Logger:       n.log,
		// The chat product is made after the middlewares.
		Authenticating: func(s *socket.Socket, claims *auth.Claims) error { return n.chat.Authenticating(s, claims) },
		Refreshing:     func(s *socket.Socket, claims *auth.Claims) error { return n.chat.Refreshing(s, claims) },
		Refreshed:      func(s *socket.Socket, claims *auth.Claims) { n.chat.Refreshed(s, claims) },
		Refused:        n.handshakes.OnEventRefused,
		Delay:          func(s *socket.Socket, reason error) time.Duration { return n.limits.Delay(s, refusal.Code(reason)) },
		Observe:        m.ObserveAuth,
		ObserveRefresh: m.ObserveRefresh,
		ObserveEnd:     m.ObserveEnd,
	})
}

// await returns nil as soon as the revocations are known, before which a revoked token would pass, or an
// error when that is not so within the timeout. Nobody comes in before the keys are known, so nothing waits
// for an issuer that may be away for long: the node is not ready until then.
func (a *authentication) await(ctx context.Context, timeout time.Duration) error {
	if a == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := a.revocations.Wait(ctx); err != nil {
		return fmt.Errorf("%w: the revocations cannot be read from Redis: %w", ErrStart, err)
	}
	return nil
}

// stopWaiting has the clients refused whose tokens wait for new keys of an issuer: he may let them wait for
// longer than the node takes to end. The keys that are there stay in force.
func (a *authentication) stopWaiting() error {
	if a == nil || a.verifier == nil {
		return nil
	}
	return a.verifier.Close()
}

// close ends what was begun, in the order in which one needs the other.
func (a *authentication) close(ctx context.Context) error {
	errs := []error{a.stopWaiting()}
	if a.limit != nil {
		errs = append(errs, a.limit.Close(ctx))
	}
	return errors.Join(append(errs, a.revocations.Close(ctx))...)
}
