// Package api is the HTTP API of a node: what back ends in any language use to publish, to see who is there, and to decide
// who may stay.
//
// Operations are typed functions, one file for each group. What they have in common is package rest.
package api

//go:generate go test -count=1 -run TestDocumentIsCurrent . -update
