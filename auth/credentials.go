package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"chorus/auth/token"
	"chorus/internal/strictjson"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Where a token is in a handshake.
const (
	tokenName       = "token"        // in the client's auth object and in the query
	accessTokenName = "access_token" // in the query, by RFC 6750 section 2.3
	authorization   = "Authorization"
	cookieHeader    = "Cookie"
	bearerScheme    = "bearer"
)

// cookieSource is a cookie that may hold a token, and who may use it.
type cookieSource struct {
	name   string                   // empty: there is none
	host   string                   // that the request went to
	listed func(origin string) bool // reports whether pages besides those of the host may use it
}

// credentials returns the token of a handshake: from the client's auth object, the Authorization
// header, the query, or the cookie. The first of them that is there decides, so that a bad
// token is not papered over by another one. Empty values and null are not there.
func credentials(h *socket.Handshake, cookie cookieSource) (string, error) {
	if token, err := authToken(h.Auth[tokenName]); token != "" || err != nil {
		return token, err
	}
	header := h.Headers.Header()
	if token, err := headerToken(header.Values(authorization)); token != "" || err != nil {
		return token, err
	}
	if token, err := onlyToken(h.Query.Query()[tokenName]); token != "" || err != nil {
		return token, err
	}
	if token, err := cookie.token(header); token != "" || err != nil {
		return token, err
	}
	return "", token.ErrRequired
}

// token reads the cookie, which pages of other origins may not use.
func (c cookieSource) token(header http.Header) (string, error) {
	token, err := onlyToken(cookieValues(header, c.name))
	if (token != "" || err != nil) && !cookiesAllowed(header, c.host, c.listed) {
		return "", ErrOriginNotAllowed
	}
	return token, err
}

// authToken reads the value of auth.token, or that of token in an "authenticate" event.
func authToken(value any) (string, error) {
	switch value := value.(type) {
	case nil:
		return "", nil
	case string:
		return bareToken(value)
	case []string:
		// A Socket.IO v2 client has no auth object: the library puts the query of a namespace,
		// as in "/chat?token=...", in its place.
		return onlyToken(value)
	}
	return "", ErrCredentialsFormat
}

// eventToken reads the argument of an "authenticate" event: {token}, as a value or, with a parser that
// leaves arguments as they came, as JSON. An object in which a name occurs twice is refused: what it
// says depends on who reads it.
func eventToken(arg any) (string, error) {
	if text, ok := arg.(json.RawMessage); ok {
		object, err := strictjson.Parse(string(text))
		switch {
		case errors.Is(err, strictjson.ErrNotObject):
			return "", token.ErrRequired
		case err != nil:
			return "", fmt.Errorf("%w: %w", ErrCredentialsFormat, err)
		}
		arg = object
	}
	object, ok := arg.(map[string]any)
	if !ok {
		return "", token.ErrRequired
	}
	return authToken(object[tokenName])
}

// headerToken reads the Authorization header (RFC 6750 section 2.1). Another scheme, such as Basic in front of a
// proxy, is no token: the next source counts.
func headerToken(values []string) (string, error) {
	values = slices.DeleteFunc(slices.Clone(values), func(value string) bool { return !isBearer(value) && !looksLikeToken(value) })
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1, !isBearer(values[0]):
		return "", ErrCredentialsFormat
	}
	return bareToken(values[0])
}

// looksLikeToken reports whether a header is a JWT without a scheme before it: a mistake of the client.
func looksLikeToken(value string) bool {
	return !strings.Contains(value, " ") && strings.Count(value, ".") == 2
}

func isBearer(value string) bool {
	scheme, _, _ := strings.Cut(value, " ")
	return strings.EqualFold(scheme, bearerScheme)
}

// onlyToken reads a source that may hold one token.
func onlyToken(values []string) (string, error) {
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return bareToken(values[0])
	}
	return "", ErrCredentialsFormat
}

// bareToken takes the word Bearer, in any case, away from a token.
func bareToken(value string) (string, error) {
	if !isBearer(value) {
		return value, nil
	}
	_, token, _ := strings.Cut(value, " ")
	token = strings.TrimLeft(token, " ")
	if token == "" {
		return "", ErrCredentialsFormat
	}
	return token, nil
}

// cookieValues returns the value of a cookie. Of several with the name the first one counts: browsers send the one
// with the longest path first (RFC 6265 section 5.4).
func cookieValues(header http.Header, name string) []string {
	if name == "" {
		return nil
	}
	for _, cookie := range (&http.Request{Header: header}).CookiesNamed(name) {
		if cookie.Value == "" {
			continue
		}
		// Many frameworks encode the values of cookies as in a URL. No token has a percent sign.
		if decoded, err := url.PathUnescape(cookie.Value); err == nil {
			cookie.Value = decoded
		}
		return []string{cookie.Value}
	}
	return nil
}
