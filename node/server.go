package node

import (
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
	bodyTimeout       = 30 * time.Second // to read a request, and to write its answer
	idleTimeout       = 2 * time.Minute  // longer than load balancers keep a connection
	maxHeaderBytes    = 32 << 10
)

// serve returns nil when the server was shut down.
func serve(server *http.Server, listener net.Listener) error {
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

func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      bodyTimeout,
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

// closeListener closes a listener, if there is one.
func closeListener(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

func listen(ctx context.Context, field, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: %s: the address %s is taken: stop the program that listens there, or choose another with %s", ErrStart, field, address, variableOf(field))
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", ErrStart, field, err)
	}
	return listener, nil
}
