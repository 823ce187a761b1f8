package node

import "log/slog"

// warnInsecure logs what cfg.Insecure permits and the configuration makes use of.
func warnInsecure(cfg *Config, log *slog.Logger) {
	if !cfg.HasKeys() {
		log.Warn("insecure: no key is configured, everybody is let in")
		return
	}
	opts, err := verifierOptions(cfg)
	if err != nil {
		return // Validate reported it
	}
	opts.AllowShortSecrets, opts.AllowInsecureJWKS = false, false
	if err := opts.Validate(); err != nil {
		log.Warn("insecure: this is refused unless insecure is true", slog.String("setting", keyOf(err)), slog.Any("reason", err))
	}
}
