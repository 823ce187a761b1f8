package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"chorus/auth"
	"chorus/auth/refusal"
	"chorus/auth/token"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func Example() {
	verifier, err := auth.NewVerifier(auth.Options{
		Secrets: []string{"a secret of at least thirty-two bytes"},
		Issuer:  "https://login.example.com",
	})
	if err != nil {
		log.Fatal(err)
	}
	io := socket.NewServer(nil, nil)
	io.Use(auth.Middleware(verifier, auth.MiddlewareOptions{}))
	_ = io.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		fmt.Println(auth.FromSocket(s).Subject(), "is here")
	})
}

// Existing front ends written for the module socketio-jwt connect first and authenticate then.
func ExampleAdapter() {
	verifier, err := auth.NewVerifier(auth.Options{Secrets: []string{"a secret of at least thirty-two bytes"}})
	if err != nil {
		log.Fatal(err)
	}
	opts := socket.DefaultServerOptions()
	opts.SetAdapter(auth.Adapter(&socket.AdapterBuilder{}))
	io := socket.NewServer(nil, opts)
	io.Use(auth.Middleware(verifier, auth.MiddlewareOptions{Mode: auth.ModeBoth, EventTimeout: 10 * time.Second}))
	_ = io.Sockets().On("authenticated", func(args ...any) {
		s := args[0].(*socket.Socket)
		s.Join(socket.Room("user:" + auth.FromSocket(s).Subject()))
	})
}

func ExampleVerifier_Verify() {
	const secret = "a secret of at least thirty-two bytes"
	verifier, err := auth.NewVerifier(auth.Options{Secrets: []string{secret}})
	if err != nil {
		log.Fatal(err)
	}
	text, err := token.Sign(secret, "", map[string]any{"sub": "ada", "exp": time.Now().Add(time.Minute).Unix()})
	if err != nil {
		log.Fatal(err)
	}
	claims, err := verifier.Verify(context.Background(), text)
	fmt.Println(claims.Subject(), err)

	old, err := token.Sign(secret, "", map[string]any{"sub": "ada", "exp": time.Now().Add(-time.Minute).Unix()})
	if err != nil {
		log.Fatal(err)
	}
	_, err = verifier.Verify(context.Background(), old)
	fmt.Println(errors.Is(err, token.ErrExpired), refusal.Code(err), "-", refusal.Reason(err))
	// Output:
	// ada <nil>
	// true token_expired - jwt expired
}
