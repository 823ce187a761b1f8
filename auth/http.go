package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"chorus/auth/permission"
	"chorus/auth/refusal"
	"chorus/auth/token"
	"chorus/internal/origin"
)

// HTTPOptions are the options of [HTTP].
type HTTPOptions struct {
	// API is the function that the claim's api must permit, as "publish"; empty stands for none: every
	// good token will do. It stands in the answer as the scope, so that it is made of printable ASCII
	// characters without spaces, quotes and backslashes (RFC 6749 section 3.3).
	API string

	// Cookie names a cookie that may hold the token; empty stands for none. As for the middleware of
	// Socket.IO it counts only for pages of the server's own origin, as the Origin header names it, and
	// those of Origins. Without an Origin header, which a simple GET does not have, the browser must say
	// Sec-Fetch-Site: same-origin.
	Cookie string

	// Origins are those whose pages may use the cookie besides the server's own, as
	// "https://app.example.com" or "https://*.example.com". "*" and "null" permit none.
	Origins []string

	// Query names a query parameter that may hold the token, as "access_token"; empty stands for none.
	// Better leave it empty: URLs are logged, kept in histories and passed on (RFC 6750 section 2.3).
	Query string

	// Logger gets refusals at level debug, without the token; nil stands for no log.
	Logger *slog.Logger

	// Observe is called with refusal.CodeOK for every request that was let through and with the code of every
	// refusal; nil stands for nothing. It must not block.
	Observe func(code string)
}

// HTTP returns a middleware for HTTP handlers that lets requests through only with a token that the
// verifier finds good, and that permits what the options ask for. [FromContext] gives the handler
// behind it the claims; the token itself is gone from the request that the handler gets, from its
// headers and its URL, so that it can log both.
//
// The token stands in the header "Authorization: Bearer", or in the cookie or query parameter of the
// options; not in a form (RFC 6750 section 2.2). Refusals are those of RFC 6750 section 3, with the body
// {ok: false, error: {code, message}} and the codes that Socket.IO clients get:
//
//   - 401 without a token, or with one that is not good, and the header WWW-Authenticate;
//   - 400 with something else than one token: two sources at a time, the parameter twice;
//   - 403 when the token does not permit it (forbidden), or a page may not use the cookie
//     (origin_not_allowed);
//   - 503 with Retry-After when it cannot be told whether the token is good.
//
// A CORS preflight has no token and is refused like anything else: handlers for CORS stand before
// this one.
//
// HTTP panics when the verifier is nil, API cannot stand in an answer, or an entry of Origins can never match.
func HTTP(v *Verifier, opts HTTPOptions) func(http.Handler) http.Handler {
	if v == nil {
		panic("auth: HTTP needs a Verifier")
	}
	if !isScope(opts.API) {
		panic(fmt.Sprintf("auth: %q cannot be a scope", opts.API))
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Observe == nil {
		opts.Observe = func(string) {}
	}
	origins := mustOrigins(opts.Origins)
	return func(next http.Handler) http.Handler {
		return &httpGuard{verifier: v, opts: opts, origins: origins, next: next}
	}
}

// FromContext returns the claims of a request that came through [HTTP], nil for another one.
func FromContext(ctx context.Context) *Claims {
	claims, _ := ctx.Value(claimsKey{}).(*Claims)
	return claims
}

type claimsKey struct{}

type httpGuard struct {
	verifier *Verifier
	opts     HTTPOptions
	origins  *origin.List
	next     http.Handler
}

func (g *httpGuard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	claims, err := g.authorize(r)
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	g.opts.Observe(refusal.CodeOK)
	if g.opts.Query != "" && r.URL.Query().Has(g.opts.Query) {
		w.Header().Set("Cache-Control", "private") // RFC 6750 section 2.3
	}
	g.next.ServeHTTP(w, g.clean(r, claims))
}

// authorize returns the claims of a request that may pass.
func (g *httpGuard) authorize(r *http.Request) (*Claims, error) {
	token, err := g.token(r)
	if err != nil {
		return nil, err
	}
	claims, err := g.verifier.Verify(r.Context(), token)
	if err != nil {
		return nil, err
	}
	if g.opts.API != "" && !claims.Can(permission.API, g.opts.API) {
		return nil, ErrForbidden
	}
	return claims, nil
}

// token returns the one token of a request. More than one is refused (RFC 6750 section 2): which of them
// the client means is not to be guessed.
func (g *httpGuard) token(r *http.Request) (string, error) {
	header, err := headerToken(bearerValues(r.Header))
	if err != nil {
		return "", err
	}
	query, err := onlyToken(g.queryValues(r))
	if err != nil {
		return "", err
	}
	cookie, err := cookieSource{g.opts.Cookie, r.Host, g.origins.Names}.token(r.Header)
	if err != nil {
		return "", err
	}
	found := slices.DeleteFunc([]string{header, query, cookie}, func(text string) bool { return text == "" })
	switch len(found) {
	case 0:
		return "", token.ErrRequired
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%w: there are %d", ErrCredentialsFormat, len(found))
}

// bearerValues returns the Authorization headers, none when the only one is of another scheme or of no scheme: such a
// client learns only which scheme this server accepts (RFC 6750 section 3.1).
func bearerValues(header http.Header) []string {
	values := header.Values(authorization)
	if len(values) == 1 && !isBearer(values[0]) {
		return nil
	}
	return values
}

func (g *httpGuard) queryValues(r *http.Request) []string {
	if g.opts.Query == "" {
		return nil
	}
	return r.URL.Query()[g.opts.Query]
}

// clean returns the request with the claims and without the token.
func (g *httpGuard) clean(r *http.Request, claims *Claims) *http.Request {
	clean := r.Clone(context.WithValue(r.Context(), claimsKey{}, claims))
	clean.Header.Del(authorization)
	if cookies := withoutCookie(r.Header.Values(cookieHeader), g.opts.Cookie); len(cookies) > 0 {
		clean.Header[cookieHeader] = cookies
	} else {
		clean.Header.Del(cookieHeader)
	}
	if g.opts.Query != "" {
		clean.URL.RawQuery = scrubQuery(r.URL.RawQuery, named(g.opts.Query))
		clean.RequestURI = scrubURL(r.RequestURI, named(g.opts.Query))
		clean.Form.Del(g.opts.Query) // when somebody has read it already
	}
	return clean
}

func (g *httpGuard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if !refusal.Is(err) {
		// Neither good nor bad: the verification came to no end, for one because the client is gone.
		err = fmt.Errorf("%w: %w", errUndecided, err)
	}
	g.opts.Observe(refusal.Code(err))
	g.opts.Logger.Debug("request refused", slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.String("code", refusal.Code(err)), slog.Any("error", err))
	refuseHTTP(w, err, g.opts.API)
}
