package node

import (
	"context"
	"crypto/rand"
	"time"

	"chorus/auth"
	"chorus/chat"
	chatredis "chorus/chat/redis"
	"chorus/node/cluster"
)

// OpenExplainer returns what explains permissions and moderation, for a program that is not a node. Without Redis nobody is
// barred: a node keeps its bars in its memory. close ends the connection.
func OpenExplainer(cfg Config) (explainer *chat.Explainer, closeAll func() error, err error) {
	rooms, err := roomPolicies(cfg.Chat.Rooms)
	if err != nil {
		return nil, nil, err
	}
	events, _, err := ownEvents(&cfg)
	if err != nil {
		return nil, nil, err
	}
	explainer = &chat.Explainer{Rooms: rooms, Events: events, Open: !cfg.HasKeys(), Direct: boundsOf(cfg.Chat.Direct.History)}
	if cfg.AdapterName() == AdapterMemory {
		explainer.Standing = func(context.Context, string, string) (chat.Standing, error) { return chat.Standing{}, nil }
		return explainer, func() error { return nil }, nil
	}
	client, _, err := cluster.NewClient(cfg, nil)
	if err != nil {
		return nil, nil, err
	}
	explainer.Standing = func(ctx context.Context, room, user string) (chat.Standing, error) {
		return chatredis.ReadStanding(ctx, client, cfg.Cluster.Redis.Prefix, room, user)
	}
	return explainer, client.Close, nil
}

// ClaimsOf returns the claims of a token with these claims, as a node would read them, whatever its keys.
func ClaimsOf(ctx context.Context, cfg Config, claims map[string]any) (*auth.Claims, error) {
	opts, err := verifierOptions(&cfg)
	if err != nil {
		return nil, err
	}
	key := rand.Text() + rand.Text()
	verifier, err := auth.NewVerifier(auth.Options{Secrets: []string{key}, PermissionsClaim: opts.PermissionsClaim, Defaults: opts.Defaults})
	if err != nil {
		return nil, err
	}
	claims["exp"] = time.Now().Add(time.Hour).Unix()
	text, err := auth.Sign(key, "HS256", claims)
	if err != nil {
		return nil, err
	}
	return verifier.Verify(ctx, text)
}
