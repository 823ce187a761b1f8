package node

import (
	"fmt"
	"log/slog"
)

// ReloadKeys replaces the secrets and the public keys by those of cfg, all or nothing: with an error, which
// names the field, the old ones stay in force. Nobody is disconnected; tokens of keys that are gone are
// refused from now on. The rest of cfg is not looked at. The keys of auth.jwks_url are loaded anew by themselves.
func (n *Node) ReloadKeys(cfg Config) error {
	if n.auth == nil {
		return fmt.Errorf("%w: auth: this node was started without a key, and stays so", ErrConfig)
	}
	keys, err := publicKeys(&cfg)
	if err == nil {
		err = n.auth.verifier.SetKeys(cfg.Secrets(), keys)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrConfig, keyOf(err), err)
	}
	n.log.Info("keys replaced", slog.Int("secrets", len(cfg.Secrets())), slog.Int("public_keys", len(keys)))
	return nil
}
