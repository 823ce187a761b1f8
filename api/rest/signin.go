package rest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Access is what a key or token permits.
type Access struct {
	Name string
	who  *identity
}

// May reports whether a scope is permitted.
func (a *Access) May(scope string) bool { return a.who.May(scope) }

// ErrSignIn means that a key, token or session is not good.
var ErrSignIn = errors.New("api: there is no such key, token or session")

// SignIn returns what an API key or a token permits. A key must have the name, unless it is empty.
func (a *API) SignIn(ctx context.Context, name, credentials string) (*Access, error) {
	if strings.HasPrefix(credentials, keyPrefix) {
		key := a.keys.Load().find(credentials, time.Now())
		if key == nil || name != "" && key.Name != name {
			return nil, ErrSignIn
		}
		return &Access{key.Name, &identity{Name: key.Name, Scopes: key.Scopes}}, nil
	}
	if len(credentials) > maxCredentials {
		return nil, ErrSignIn
	}
	who, problem := a.verify(ctx, credentials)
	if problem != nil {
		return nil, ErrSignIn
	}
	return &Access{who.Name, who}, nil
}

// Session returns a text with which ResumeSession of this node gives the access of a key again, for a time. For a token it
// is empty.
func (a *API) Session(access *Access, life time.Duration) string {
	if access.who.Claims != nil {
		return ""
	}
	end := strconv.FormatInt(time.Now().Add(life).Unix(), 10)
	return access.Name + " " + end + " " + a.sessionMAC(access.Name, end)
}

// ResumeSession returns the access that a session stands for. It ends with the key.
func (a *API) ResumeSession(session string) (*Access, error) {
	parts := strings.Split(session, " ")
	if len(parts) != 3 || !hmac.Equal([]byte(parts[2]), []byte(a.sessionMAC(parts[0], parts[1]))) {
		return nil, ErrSignIn
	}
	end, err := strconv.ParseInt(parts[1], 10, 64)
	if now := time.Now(); err == nil && now.Unix() < end {
		for _, key := range a.keys.Load().keys {
			if key.Name == parts[0] && (key.End.IsZero() || now.Before(key.End)) {
				return &Access{key.Name, &identity{Name: key.Name, Scopes: key.Scopes}}, nil
			}
		}
	}
	return nil, ErrSignIn
}

// sessionMAC authenticates a session with a key that only this process knows: the hashes of the configuration are no
// secret.
func (a *API) sessionMAC(name, end string) string {
	mac := hmac.New(sha256.New, a.sessionKey)
	mac.Write([]byte(name + " " + end))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// HasScope reports whether a key with a scope exists.
func (a *API) HasScope(scope string) bool {
	for _, key := range a.keys.Load().keys {
		if (&identity{Scopes: key.Scopes}).May(scope) {
			return true
		}
	}
	return false
}
