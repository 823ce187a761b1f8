// Package auth lets a Socket.IO client in only with a valid JSON Web Token (JWT).
//
// A [Verifier] holds the keys and the rules, [Middleware] asks it for every client of a namespace,
// and [FromSocket] gives the verified claims to the program:
//
//	verifier, err := auth.NewVerifier(auth.Options{Secrets: []string{secret}})
//	...
//	io.Use(auth.Middleware(verifier, auth.MiddlewareOptions{}))
//	io.On("connection", func(args ...any) {
//		s := args[0].(*socket.Socket)
//		fmt.Println(auth.FromSocket(s).Subject())
//	})
//
// The library is github.com/zishang520/socket.io/servers/socket/v3.
//
// # Keys
//
// Tokens are signed with a secret that both sides know (HS256 and its like), or with a private key of
// the issuer. The public half comes as a PEM text, or from the issuer's JWKS, where new keys are found
// when tokens of theirs arrive. There can be several keys of every kind, and [Verifier.SetKeys] replaces
// them while clients are connected:
//
//	verifier, err := auth.NewVerifier(auth.Options{
//		JWKSURL:  "https://login.example.com/.well-known/jwks.json",
//		Issuer:   "https://login.example.com",
//		Audience: []string{"chat"},
//	})
//	...
//	defer verifier.Close()
//
// # Modes
//
// [ModeHandshake] takes the token from the handshake and refuses the connection without a good
// one. [ModeEvent] lets the client connect and waits for its event "authenticate", as the module
// socketio-jwt does; until then the client is nobody. [ModeBoth] decides by what the handshake
// brings. The last two need an adapter inside [Adapter]:
//
//	opts.SetAdapter(auth.Adapter(&socket.AdapterBuilder{}))
//
// # Rules
//
// The rules are those of RFC 8725 (JWT Best Current Practices): the algorithms come from the
// configuration and never from the token, each key is used with those of its type only, no key is
// taken from a token's header, and what two parsers could read in two ways is refused: padding,
// duplicate names, more than one token.
package auth

import "chorus/auth/token"

// Verifier is [token.Verifier].
type Verifier = token.Verifier

// Options is [token.Options].
type Options = token.Options

// Claims is [token.Claims].
type Claims = token.Claims

// NewVerifier is [token.NewVerifier].
func NewVerifier(opts Options) (*Verifier, error) { return token.NewVerifier(opts) }

// Sign is [token.Sign].
func Sign(secret, algorithm string, claims map[string]any) (string, error) {
	return token.Sign(secret, algorithm, claims)
}
