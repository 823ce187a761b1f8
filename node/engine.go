package node

import (
	"log/slog"
	"net/http"

	"chorus/engine"
	"chorus/node/config"
)

// newEngine makes the Engine.IO server under the Socket.IO server.
func newEngine(cfg Config, log *slog.Logger, refused *handshakes) *engine.Server {
	e := engine.New(engine.Options{
		PingInterval:             cfg.PingInterval,
		PingTimeout:              cfg.PingTimeout,
		BodyTimeout:              bodyTimeout,
		MaxPayload:               cfg.MaxPayload,
		MaxBuffer:                int(cfg.MaxBuffer),
		MaxUnprocessed:           int(cfg.MaxUnprocessed),
		MaxConnections:           int(cfg.MaxConnections),
		MaxConnectionsPerAddress: int(cfg.MaxConnectionsPerAddress),
		AllowEIO3:                cfg.AllowEIO3,
		Deflate:                  cfg.Compression,
		OnSend:                   refused.onSend,
		NoHTTPCompression:        !cfg.HTTPCompression,
		Cookie:                   engineCookie(cfg.Cookie),
		Admission: &engine.Admission{
			Timeout:               cfg.ConnectTimeout,
			MaxSessions:           int(cfg.MaxJoining),
			MaxSessionsPerAddress: int(cfg.MaxJoiningPerAddress),
		},
		Logger: log,
	})
	_ = e.On("connection_error", refused.onRequestRefused) // it never fails
	return e
}

// engineCookie returns the cookie of Engine.IO, nil for none.
func engineCookie(cfg config.CookieConfig) *http.Cookie {
	if cfg.Name == "" {
		return nil
	}
	sameSite := map[string]http.SameSite{"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode}
	return &http.Cookie{
		Name: cfg.Name, Path: cfg.Path, Secure: cfg.Secure, HttpOnly: cfg.HTTPOnly,
		SameSite: sameSite[cfg.SameSite], MaxAge: int(cfg.MaxAge.Seconds()),
	}
}
