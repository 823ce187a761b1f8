package node

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"chorus/api"
	"chorus/api/rest"
	"chorus/node/config"
	"chorus/node/listener"
	"chorus/node/metrics"
)

// newAPI returns the HTTP API of the node.
func (n *Node) newAPI() (*api.API, error) {
	c := &n.cfg.API
	keys, err := apiKeys(&n.cfg)
	if err != nil {
		return nil, err
	}
	opts := api.Options{
		Options: rest.Options{
			Keys: keys, Client: n.redis.Client(), RedisPrefix: n.cfg.Cluster.Redis.Prefix,
			Origins: c.CORS.Origins, Rate: c.Rate.Count, RateWindow: c.Rate.Per,
			MaxBody: int64(c.MaxBody), MaxBatch: int64(c.MaxBatch), IdempotencyKeys: int(c.IdempotencyKeys), Logger: n.log,
		},
		Chat: n.chat, Nodes: n.nodes, MaxFeeds: int(c.MaxFeeds),
		Settings: n.settings, SampleInterval: metrics.SampleInterval,
		PermissionsClaim: n.cfg.Auth.PermissionsClaim, MaxTokenLife: c.Tokens.MaxLife,
	}
	if n.webhooks != nil {
		opts.Webhooks = n.webhooks.admins
	}
	if n.auth != nil {
		opts.Verifier, opts.Revocations = n.auth.verifier, n.auth.revocations
	}
	if c.Tokens.Enabled {
		opts.Sign = func(claims map[string]any, life time.Duration) (string, error) { return Sign(n.cfg, claims, life) }
	}
	return api.New(opts)
}

// apiKeys returns the keys of the configuration. An error names the first setting that is wrong.
func apiKeys(cfg *Config) ([]rest.Key, error) {
	keys := make([]rest.Key, 0, len(cfg.API.Keys))
	for i, k := range cfg.API.Keys {
		key := rest.Key{Name: k.Name, Hash: k.Hash, Scopes: k.Scopes}
		place := fmt.Sprintf("api.keys[%d]", i)
		if err := key.Check(); err != nil {
			return nil, cfg.Fault(place, err)
		}
		if k.End != "" {
			end, err := time.Parse(time.RFC3339, k.End)
			if err != nil {
				return nil, cfg.Fault(place+".end", err)
			}
			key.End = end
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// ReloadAPIKeys replaces the API keys by those of cfg, all or nothing. The rest of cfg is not looked at.
func (n *Node) ReloadAPIKeys(cfg Config) error {
	keys, err := apiKeys(&cfg)
	if err == nil {
		err = n.api.SetKeys(keys)
	}
	if err == nil {
		err = n.openAdminUI()
	}
	if err == nil {
		n.log.Info("API keys replaced", slog.Int("keys", len(keys)))
	}
	return err
}

// withAPI gives the API its paths before other handlers see them: it decodes the segments of a path by itself. next serves
// the others.
func (n *Node) withAPI(address string, next http.Handler) http.Handler {
	if n.cfg.API.Listen != address {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest.Handles(r.URL.EscapedPath()) {
			if r.URL.Path == rest.Prefix+"/events" {
				defer listener.Stays(r)() // it lasts
			}
			n.api.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// apiAddress returns the address of the API's own listener, "" when it has none.
func apiAddress(cfg *Config) string {
	if cfg.API.Listen == config.APIAdmin || cfg.API.Listen == config.APIPublic {
		return ""
	}
	return cfg.API.Listen
}

// apiRoutes returns what is served at the API's own address.
func (n *Node) apiRoutes() http.Handler {
	return n.withAPI(n.cfg.API.Listen, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		listener.Refuse(w, r, http.StatusNotFound, "not found: the API is at "+rest.Prefix)
	}))
}
