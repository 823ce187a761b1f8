package node

import (
	"log/slog"
	"net/http"
	"time"

	"chorus/auth"
	"chorus/engine"
	"chorus/node/config"
	"chorus/node/forward"
	"chorus/node/handshake"
	"chorus/node/limit"
	"chorus/node/listener"
)

// newEngine makes the Engine.IO server under the Socket.IO server.
func newEngine(cfg Config, log *slog.Logger, refused *handshake.Log, nodes *forward.Forwarder, bounds *limit.Bounds) *engine.Server {
	var newID func(*http.Request) string // default
	if cfg.AdapterName() != AdapterMemory {
		newID = nodes.NewID
	}
	e := engine.New(engine.Options{
		GenerateID:               newID,
		ExplainUnknown:           nodes.Explain,
		Guard:                    bounds.Guard,
		PingInterval:             cfg.PingInterval,
		PingTimeout:              cfg.PingTimeout,
		BodyTimeout:              listener.BodyTimeout,
		MaxPayload:               cfg.MaxPayload,
		MaxBuffer:                int(cfg.MaxBuffer),
		MaxUnprocessed:           int(cfg.MaxUnprocessed),
		MaxConnections:           int(cfg.MaxConnections),
		MaxConnectionsPerAddress: int(cfg.MaxConnectionsPerAddress),
		AllowEIO3:                cfg.AllowEIO3,
		Deflate:                  cfg.Compression,
		OnSend:                   refused.OnSend,
		NoHTTPCompression:        !cfg.HTTPCompression,
		Cookie:                   engineCookie(cfg.Cookie),
		Admission: &engine.Admission{
			Timeout:               joinTimeout(cfg),
			MaxSessions:           int(cfg.MaxJoining),
			MaxSessionsPerAddress: int(cfg.MaxJoiningPerAddress),
		},
		Logger: log,
	})
	_ = e.On("connection_error", refused.OnRequestRefused) // it never fails
	return e
}

// joinTimeout returns how long a client may be in no namespace. To the engine, a client that has connected
// and may still authenticate by event is in none: the gate keeps it out of its rooms, and ends it in time.
func joinTimeout(cfg Config) time.Duration {
	if cfg.HasKeys() && auth.Mode(cfg.Auth.Mode) != auth.ModeHandshake {
		return max(cfg.ConnectTimeout, cfg.Auth.EventTimeout+time.Second)
	}
	return cfg.ConnectTimeout
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
