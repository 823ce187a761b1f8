package node

import (
	"context"
	"log/slog"

	"chorus/auth"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// logConnects logs, at level debug, each client of a namespace that connects and disconnects.
func logConnects(nsp socket.Namespace, log *slog.Logger) {
	_ = nsp.On("connection", func(args ...any) { // it fails for reserved names only
		if !log.Enabled(context.Background(), slog.LevelDebug) {
			return
		}
		s := args[0].(*socket.Socket) //nolint:errcheck,forcetypeassert // the library's contract for this event
		client := log.With(slog.String("namespace", nsp.Name()), slog.String("socket", string(s.Id())))
		subject := ""
		if claims := auth.FromSocket(s); claims != nil {
			subject = claims.Subject()
		}
		client.Debug("client connected", slog.String("subject", subject),
			slog.String("address", s.Conn().RemoteAddress()), slog.String("transport", s.Conn().Transport().Name()))
		_ = s.On("disconnect", func(args ...any) {
			client.Debug("client disconnected", slog.Any("reason", args[0]))
		})
	})
}
