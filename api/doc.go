// Package api is the HTTP API of a node: what back ends in any language use to publish, to see who is there, and to decide
// who may stay.
//
// Operations are typed functions, from which the package huma makes the checks of requests and the OpenAPI document. What
// all operations share stands before them: request id, log, CORS, keys and scopes, rates, bodies, idempotency. One file
// has one of these.
package api

//go:generate go test -count=1 -run TestDocumentIsCurrent . -update
