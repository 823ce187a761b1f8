package listener

import (
	"chorus/node/config"
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// Limits of the HTTP servers. They hold for every request: package engine lifts them for a poll that
// waits for a message, and for a WebSocket.
const (
	readHeaderTimeout = 10 * time.Second
	// BodyTimeout is the time to read a request, and to write its answer.
	BodyTimeout    = 30 * time.Second
	idleTimeout    = 2 * time.Minute // longer than load balancers keep a connection
	maxHeaderBytes = 32 << 10
)

// Serve serves what comes by a listener. It returns nil when the server was shut down.
func Serve(server *http.Server, listener net.Listener) error {
	var err error
	if server.TLSConfig != nil {
		err = server.ServeTLS(listener, "", "")
	} else {
		err = server.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// NewServer returns an HTTP server with the limits of a node.
func NewServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       BodyTimeout,
		WriteTimeout:      BodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnContext:       connContext,
		ConnState:         followState,
		ErrorLog:          httpErrorLog(log),
	}
}

// httpErrorLog returns the log for what net/http itself has to say.
func httpErrorLog(log *slog.Logger) *stdlog.Logger { return stdlog.New(httpErrors{log}, "", 0) }

// httpErrors logs lines of net/http as one kind: their texts hold addresses of clients.
type httpErrors struct{ log *slog.Logger }

// Write implements io.Writer.
func (e httpErrors) Write(line []byte) (int, error) {
	e.log.Warn("http server", slog.String("error", strings.TrimSpace(string(line))))
	return len(line), nil
}

// CloseListener closes a listener, if there is one.
func CloseListener(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// Listen opens an address. field is the setting that has it.
func Listen(ctx context.Context, field, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: %s: the address %s is taken: stop the program that listens there, or choose another with %s", config.ErrStart, field, address, config.Variable(field))
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", config.ErrStart, field, err)
	}
	return listener, nil
}
