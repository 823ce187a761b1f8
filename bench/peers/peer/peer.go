// Package peer is what the programs of this module have in common: their flags, and the tokens of
// their clients.
package peer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Flags are the flags of every program.
type Flags struct {
	Listen  string
	Redis   string // host:port
	Secret  string
	Deflate bool
}

// Parse registers and parses the flags.
func Parse() Flags {
	var f Flags
	flag.StringVar(&f.Listen, "listen", "127.0.0.1:0", "address")
	flag.StringVar(&f.Redis, "redis", "", "address of Redis; none when empty")
	flag.BoolVar(&f.Deflate, "deflate", false, "offer permessage-deflate, where the server can")
	flag.StringVar(&f.Secret, "secret", os.Getenv("BENCH_SECRET"), "secret of the tokens (HS256); also BENCH_SECRET")
	flag.Parse()
	return f
}

// ErrToken is wrapped by the errors of Subject.
var ErrToken = errors.New("token refused")

// Subject returns the subject of a good token.
func Subject(secret, token string) (string, error) {
	parsed, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return []byte(secret), nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrToken, err)
	}
	return parsed.Claims.GetSubject()
}

// Serve serves until the process is told to end, and prints one line when it listens.
func Serve(listen string, handler http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Println("listening", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Exit ends a program that could not do its work.
func Exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
