package node

import (
	"errors"
	"log/slog"
	"strings"

	"chorus/internal/origin"
	"chorus/node/config"
	"chorus/node/systemd"
)

// Reload takes over what a running node can take over of cfg: keys, API keys, origins, limits, the level of the log and
// the TLS certificate. It returns the settings that differ and need a restart. With an error, which says what is
// wrong, nothing has changed.
func (n *Node) Reload(cfg Config) (restart []string, err error) {
	n.reloading.Lock()
	defer n.reloading.Unlock()
	systemd.Reloading()
	defer systemd.Notify("READY=1")
	if err := Validate(cfg); err != nil {
		return nil, err
	}
	allowed, err := origin.NewList(cfg.CORS.Origins)
	if err != nil {
		return nil, err
	}
	if n.cert != nil {
		if err := n.cert.Load(); err != nil {
			return nil, err
		}
	}
	err = n.ReloadAPIKeys(cfg)
	if n.auth != nil || cfg.HasKeys() {
		err = errors.Join(err, n.ReloadKeys(cfg))
	}
	if err != nil {
		return nil, err
	}
	n.setOrigins(allowed)
	n.limits.Set(&cfg)
	n.logs.SetLevel(cfg.Log.Level)
	reloaded, restart := config.Changes(&n.cfg, &cfg)
	n.log.Info("configuration reloaded", slog.String("changed", strings.Join(reloaded, ", ")))
	if len(restart) > 0 {
		n.log.Warn("settings that differ need a restart of the node", slog.String("settings", strings.Join(restart, ", ")))
	}
	return restart, nil
}
