package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"chorus/api/rest"
	"chorus/auth/revocation"
)

// RevocationRequest says which tokens are not good any more.
type RevocationRequest struct {
	JTI    string  `json:"jti,omitempty" maxLength:"1024" doc:"The token with this id. Either this or sub."`
	Sub    string  `json:"sub,omitempty" maxLength:"1024" doc:"All tokens of this subject, also those that are still to be made."`
	Before int64   `json:"before,omitempty" minimum:"1" maximum:"253402300799000" doc:"With sub: only tokens issued before this time, in milliseconds since 1970."`
	Until  int64   `json:"until,omitempty" minimum:"1" maximum:"253402300799000" doc:"When to forget it, in milliseconds since 1970; default after auth.revocation_keep."`
	For    float64 `json:"for,omitempty" exclusiveMinimum:"0" maximum:"3162240000" doc:"The same, in seconds from now."`
}

// Revocation is a revocation in force.
type Revocation struct {
	ID     string `json:"id" doc:"For DELETE /revocations/{id}."`
	JTI    string `json:"jti,omitempty"`
	Sub    string `json:"sub,omitempty"`
	Before int64  `json:"before,omitempty" doc:"Milliseconds since 1970."`
	Until  int64  `json:"until,omitempty" doc:"Milliseconds since 1970."`
	At     int64  `json:"at,omitempty" doc:"When it was said, in milliseconds since 1970."`
}

// RevocationList is a page of the revocations in force.
type RevocationList struct {
	Revocations []Revocation `json:"revocations"`
	Next        string       `json:"next,omitempty" doc:"The cursor of the next page; missing at the end."`
}

type revokeInput struct{ Body RevocationRequest }

type revocationsInput struct {
	Cursor string `query:"cursor" maxLength:"4096" doc:"Next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type undoInput struct {
	ID string `path:"id"`
}

func registerRevocations(a *API) {
	rest.Register(a.API, rest.Operation{
		ID: "revoke", Method: http.MethodPost, Path: "/revocations", Scope: "tokens", Tag: "tokens",
		Summary: "Revoke a token, or the tokens of a subject", Description: "In force on every node within a second. Their sockets are disconnected.",
	}, a.revoke)
	rest.Register(a.API, rest.Operation{
		ID: "listRevocations", Method: http.MethodGet, Path: "/revocations", Scope: "tokens:read", Tag: "tokens",
		Summary: "List the revocations in force",
	}, a.listRevocations)
	rest.Register(a.API, rest.Operation{
		ID: "undoRevocation", Method: http.MethodDelete, Path: "/revocations/{id}", Scope: "tokens", Tag: "tokens",
		Summary: "Take a revocation back", Description: "Sockets that were disconnected stay so.",
	}, a.undoRevocation)
}

// revocations returns those of the cluster.
func (a *API) revocations() (*revocation.Set, error) {
	if a.opts.Revocations == nil {
		return nil, rest.NewProblem(http.StatusNotFound, rest.CodeNotFound, "this cluster has no keys to verify tokens with, so there is nothing to revoke")
	}
	return a.opts.Revocations, nil
}

// revocationProblem makes a problem of an error of package auth.
func revocationProblem(err error) error {
	switch {
	case errors.Is(err, revocation.ErrInvalid):
		return rest.Invalid("body", strings.TrimPrefix(err.Error(), "auth: "))
	case errors.Is(err, revocation.ErrUnavailable):
		return rest.Unavailable()
	}
	return err
}

func (a *API) revoke(ctx context.Context, in *revokeInput) (*Revocation, error) {
	b, now := &in.Body, time.Now()
	r := revocation.Revocation{TokenID: b.JTI, Subject: b.Sub}
	if b.Before > 0 {
		r.IssuedBefore = time.UnixMilli(b.Before)
	}
	switch {
	case b.Until > 0 && b.For > 0:
		return nil, rest.Invalid("body.for", "until and for say the same: give one")
	case b.Until > 0:
		r.Until = time.UnixMilli(b.Until)
	case b.For > 0:
		r.Until = now.Add(time.Duration(math.Max(b.For, 0.001) * float64(time.Second)))
	}
	revocations, err := a.revocations()
	if err != nil {
		return nil, err
	}
	if err := revocations.Revoke(ctx, r); err != nil {
		return nil, revocationProblem(err)
	}
	r.At = now
	return revocationOf(&r), nil
}

func revocationOf(r *revocation.Revocation) *Revocation {
	shown := &Revocation{ID: revocationID(r), JTI: r.TokenID, Sub: r.Subject}
	for date, to := range map[*time.Time]*int64{&r.IssuedBefore: &shown.Before, &r.Until: &shown.Until, &r.At: &shown.At} {
		if !date.IsZero() {
			*to = date.UnixMilli()
		}
	}
	return shown
}

// revocationID names a revocation: there is one of each kind for a value.
func revocationID(r *revocation.Revocation) string {
	kind, value := "sub", r.Subject
	switch {
	case r.TokenID != "":
		kind, value = "jti", r.TokenID
	case !r.IssuedBefore.IsZero():
		kind = "before"
	}
	text, _ := json.Marshal([]string{kind, value}) // it cannot fail: there are texts
	return base64.RawURLEncoding.EncodeToString(text)
}

func (a *API) listRevocations(_ context.Context, in *revocationsInput) (*RevocationList, error) {
	revocations, err := a.revocations()
	if err != nil {
		return nil, err
	}
	after, problem := rest.ReadCursor(in.Cursor)
	if problem != nil {
		return nil, problem
	}
	all := revocations.List()
	slices.SortFunc(all, func(x, y revocation.Revocation) int { return strings.Compare(revocationID(&x), revocationID(&y)) })
	list := &RevocationList{Revocations: []Revocation{}}
	for i := range all {
		if id := revocationID(&all[i]); id <= after {
			continue
		}
		if len(list.Revocations) == in.Limit {
			list.Next = rest.NewCursor(list.Revocations[in.Limit-1].ID)
			break
		}
		list.Revocations = append(list.Revocations, *revocationOf(&all[i]))
	}
	return list, nil
}

func (a *API) undoRevocation(ctx context.Context, in *undoInput) (*Revocation, error) {
	revocations, err := a.revocations()
	if err != nil {
		return nil, err
	}
	var parts []string
	text, err := base64.RawURLEncoding.DecodeString(in.ID)
	if err != nil || json.Unmarshal(text, &parts) != nil || len(parts) != 2 {
		return nil, rest.NewProblem(http.StatusNotFound, rest.CodeNotFound, "there is no such id: GET /revocations lists them")
	}
	var r revocation.Revocation
	switch parts[0] {
	case "jti":
		r.TokenID = parts[1]
	case "before":
		r.Subject, r.IssuedBefore = parts[1], time.Unix(1, 0)
	default:
		r.Subject = parts[1]
	}
	if err := revocations.Undo(ctx, r); err != nil {
		return nil, revocationProblem(err)
	}
	r.IssuedBefore = time.Time{}
	shown := revocationOf(&r)
	shown.ID = in.ID
	return shown, nil
}
