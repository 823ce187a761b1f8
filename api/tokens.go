package api

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"time"

	"chorus/api/rest"
	"chorus/auth/refusal"
	"chorus/chat"
)

// TokenRequest describes a token.
type TokenRequest struct {
	Sub    string                     `json:"sub" minLength:"1" maxLength:"250" doc:"Who the token is for."`
	Name   string                     `json:"name,omitempty" maxLength:"256" doc:"The claim name."`
	Claims map[string]json.RawMessage `json:"claims,omitempty" doc:"Further claims. They cannot permit scopes that the key does not have."`
	TTL    float64                    `json:"ttl,omitempty" exclusiveMinimum:"0" doc:"Seconds that the token is good; default an hour, at most api.tokens.max_life."`
}

// TokenAnswer has a token.
type TokenAnswer struct {
	Token   string `json:"token"`
	Expires int64  `json:"expires" doc:"Milliseconds since 1970."`
}

type tokenInput struct{ Body TokenRequest }

func registerTokens(a *API) {
	rest.Register(a.API, rest.Operation{
		ID: "makeToken", Method: http.MethodPost, Path: "/tokens", Scope: "tokens", Tag: "tokens",
		Summary: "Make a token", Description: "Off unless `api.tokens.enabled`.",
	}, a.makeToken)
}

// ownClaims are set by the node alone.
var ownClaims = []string{"sub", "name", "iat", "exp", "nbf", "iss", "aud"}

func (a *API) makeToken(ctx context.Context, in *tokenInput) (*TokenAnswer, error) {
	if a.opts.Sign == nil {
		return nil, rest.NewProblem(http.StatusForbidden, refusal.CodeForbidden, "this cluster makes no tokens: set api.tokens.enabled")
	}
	if err := chat.CheckUser(in.Body.Sub); err != nil {
		return nil, rest.Invalid("body.sub", err.Error())
	}
	life := time.Hour
	if in.Body.TTL > 0 {
		life = time.Duration(math.Min(in.Body.TTL, math.MaxInt64/2e9) * float64(time.Second))
	}
	switch {
	case life > a.opts.MaxTokenLife && in.Body.TTL == 0:
		life = a.opts.MaxTokenLife
	case life > a.opts.MaxTokenLife:
		return nil, rest.Invalid("body.ttl", "a token lives for at most "+a.opts.MaxTokenLife.String())
	case life < time.Second:
		return nil, rest.Invalid("body.ttl", "a token lives for a second at least")
	}
	claims := map[string]any{"sub": in.Body.Sub}
	if in.Body.Name != "" {
		claims["name"] = in.Body.Name
	}
	for name, value := range in.Body.Claims {
		if slices.Contains(ownClaims, name) {
			return nil, rest.Invalid("body.claims", "the node sets sub, name, iat, exp, nbf, iss and aud itself")
		}
		claims[name] = value
	}
	if p := a.permitsGrant(ctx, in.Body.Claims[a.opts.PermissionsClaim]); p != nil {
		return nil, p
	}
	expires := time.Now().Add(life)
	token, err := a.opts.Sign(claims, life)
	if err != nil {
		return nil, err
	}
	if a.opts.Verifier != nil {
		if _, err := a.opts.Verifier.Verify(ctx, token); err != nil {
			return nil, rest.Invalid("body.claims", "a token with these claims is not good: "+refusal.Reason(err))
		}
	}
	return &TokenAnswer{Token: token, Expires: expires.Truncate(time.Second).UnixMilli()}, nil
}

// permitsGrant returns the problem of permissions with scopes of the API that the key does not have itself.
func (a *API) permitsGrant(ctx context.Context, permissions json.RawMessage) *rest.Problem {
	if permissions == nil {
		return nil
	}
	var claim struct {
		API []string `json:"api"`
	}
	if err := json.Unmarshal(permissions, &claim); err != nil {
		return rest.Invalid("body.claims", "the permissions are not as docs/tokens.md says")
	}
	who := rest.ExchangeOf(ctx).Who
	for _, scope := range claim.API {
		if rest.CheckScope(scope) != nil && scope != "disconnect" {
			return rest.Invalid("body.claims", "the permissions name a scope that there is not; patterns are not taken here")
		}
		if !who.May(scope) {
			return rest.Forbidden(scope)
		}
	}
	return nil
}
