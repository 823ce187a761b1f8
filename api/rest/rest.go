// Package rest is an HTTP API of typed operations, and what they have in common: the router, keys and scopes, rates, bodies,
// idempotency, problems, batches, and the OpenAPI document. One file has one of these.
package rest

import (
	"chorus/auth"
	"chorus/chat/rule"
	"chorus/internal/origin"
	"chorus/registry"
	"cmp"
	"crypto/rand"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/redis/go-redis/v9"
)

// Prefix begins the path of every operation.
const Prefix = "/api/v1"

// Options configure newBase. The zero value of everything but Refusal is useful.
type Options struct {
	// Refusal returns what a caller gets to know of the error of an operation.
	Refusal func(error) *rule.Error
	// Keys are those of back ends; default none.
	Keys []Key
	// Verifier checks tokens, whose claim may permit what a key permits; default nil: tokens are refused.
	Verifier *auth.Verifier
	// Client of the cluster's Redis, for rates and idempotency over the cluster; default nil: this node alone.
	Client redis.UniversalClient
	// RedisPrefix begins the names of keys; default registry.DefaultPrefix.
	RedisPrefix string
	// Origins are those whose web pages may use the API; default none.
	Origins []string
	// Rate is how many requests a key may make in RateWindow, over the cluster; default no limit.
	Rate       int64
	RateWindow time.Duration
	// MaxBody and MaxBatch bound the body of a request and of a batch, in bytes; default 1 MB and 16 MB.
	MaxBody, MaxBatch int64
	// IdempotencyKeys is how many answers are kept for a key; default 10,000. The oldest give way.
	IdempotencyKeys int
	// Logger gets one line for each request; default no log.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.RedisPrefix = cmp.Or(o.RedisPrefix, registry.DefaultPrefix)
	o.MaxBody = cmp.Or(o.MaxBody, 1_000_000)
	o.MaxBatch = cmp.Or(o.MaxBatch, 16_000_000)
	o.IdempotencyKeys = cmp.Or(o.IdempotencyKeys, 10_000)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// API is an HTTP API of typed operations. Register adds them; complete comes behind the last one.
type API struct {
	opts    Options
	router  *router
	huma    huma.API
	keys    atomic.Pointer[keyring]
	origins *origin.List
	rates   *rates
	answers answers
	stats   Stats
	log     *slog.Logger

	document []byte
	docs     *docsPage

	sessionKey []byte // of SignIn
}

var _ http.Handler = (*API)(nil)

// New returns an API that has batches and its document, and no operation of its own yet.
func New(opts Options) (*API, error) {
	a := &API{opts: opts.withDefaults(), router: newRouter(), sessionKey: []byte(rand.Text() + rand.Text())}
	a.log = a.opts.Logger
	if err := a.SetKeys(opts.Keys); err != nil {
		return nil, err
	}
	var err error
	if a.origins, err = origin.NewList(opts.Origins); err != nil {
		return nil, err
	}
	a.rates = newRates(&a.opts)
	a.answers = newAnswers(&a.opts)
	a.huma = a.newHuma()
	registerBatch(a)
	registerDocs(a)
	return a, nil
}
