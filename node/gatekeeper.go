package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"chorus/auth"

	"github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// gatekeeper is what decides who gets in: keys, revocations, and the limit of connections.
type gatekeeper struct {
	verifier    *auth.Verifier
	revocations *auth.Revocations
	limit       *auth.ConnectionLimit // nil for none
}

// newGatekeeper begins to load keys and revocations; client is nil for a node without Redis.
func newGatekeeper(cfg Config, client redis.UniversalClient, log *slog.Logger) (*gatekeeper, error) {
	opts, err := verifierOptions(&cfg)
	if err != nil {
		return nil, err
	}
	g := &gatekeeper{revocations: newRevocations(cfg, client, log)}
	opts.Revocations, opts.Logger = g.revocations, log
	if cfg.Auth.MaxConnections > 0 {
		g.limit, err = auth.NewConnectionLimit(auth.ConnectionLimitOptions{
			Max:    int(cfg.Auth.MaxConnections),
			Policy: auth.ConnectionPolicy(cfg.Auth.MaxConnectionsPolicy),
			Client: client,
			Prefix: cfg.Cluster.Redis.Prefix,
			Logger: log,
		})
	}
	if err == nil {
		g.verifier, err = auth.NewVerifier(opts)
	}
	if err != nil {
		return nil, errors.Join(err, g.close(context.Background()))
	}
	return g, nil
}

// middleware lets clients in.
func (g *gatekeeper) middleware(n *Node) socket.NamespaceMiddleware {
	cfg, m := &n.cfg, n.metrics
	var verified func(*socket.Socket, *auth.Claims)
	if cfg.Recovery.Enabled {
		verified = recoverVerified
	}
	return auth.Middleware(g.verifier, auth.MiddlewareOptions{
		Verified:     verified,
		Mode:         auth.Mode(cfg.Auth.Mode),
		EventTimeout: cfg.Auth.EventTimeout,
		ExpiryNotice: orNone(cfg.Auth.ExpiryNotice),
		Cookie:       cfg.Auth.Cookie,
		Scrub:        cfg.Auth.Scrub,
		Origins:      cfg.CORS.Origins,
		Limit:        g.limit,
		Logger:       n.log,
		// The chat product is made after the middlewares.
		Authenticating: func(s *socket.Socket, claims *auth.Claims) error { return n.chat.Authenticating(s, claims) },
		Refreshing:     func(s *socket.Socket, claims *auth.Claims) error { return n.chat.Refreshing(s, claims) },
		Refreshed:      func(s *socket.Socket, claims *auth.Claims) { n.chat.Refreshed(s, claims) },
		Refused:        n.handshakes.onEventRefused,
		Observe:        m.observeAuth,
		ObserveRefresh: m.observeRefresh,
		ObserveEnd:     m.observeEnd,
	})
}

// await returns nil as soon as the revocations are known, before which a revoked token would pass, or an
// error when that is not so within the timeout. Nobody comes in before the keys are known, so nothing waits
// for an issuer that may be away for long: the node is not ready until then.
func (g *gatekeeper) await(ctx context.Context, timeout time.Duration) error {
	if g == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := g.revocations.Wait(ctx); err != nil {
		return fmt.Errorf("%w: the revocations cannot be read from Redis: %w", ErrStart, err)
	}
	return nil
}

// stopWaiting has the clients refused whose tokens wait for new keys of an issuer: he may let them wait for
// longer than the node takes to end. The keys that are there stay in force.
func (g *gatekeeper) stopWaiting() error {
	if g == nil || g.verifier == nil {
		return nil
	}
	return g.verifier.Close()
}

// close ends what was begun, in the order in which one needs the other.
func (g *gatekeeper) close(ctx context.Context) error {
	errs := []error{g.stopWaiting()}
	if g.limit != nil {
		errs = append(errs, g.limit.Close(ctx))
	}
	return errors.Join(append(errs, g.revocations.Close(ctx))...)
}
