package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"chorus/api/webhook"
	"chorus/auth"
	"chorus/auth/permission"
	"chorus/auth/revocation"
	"chorus/chat"
	"chorus/internal/origin"
	"chorus/registry"

	"github.com/danielgtaylor/huma/v2"
	"github.com/redis/go-redis/v9"
)

// Prefix begins the path of every operation.
const Prefix = "/api/v1"

// Options configure New. Chat and Nodes are needed; the zero value of everything else is useful.
type Options struct {
	Chat  *chat.Chat
	Nodes *registry.Registry
	// Keys are those of back ends; default none.
	Keys []Key
	// Verifier checks tokens, whose claim may permit what a key permits; default nil: tokens are refused.
	Verifier *auth.Verifier
	// Revocations are those of the Verifier.
	Revocations *revocation.Set
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
	// MaxFeeds is how many readers of events this node has; default 16.
	MaxFeeds int
	// Sign makes a token of claims; default nil: no tokens are made.
	Sign func(claims map[string]any, life time.Duration) (string, error)
	// PermissionsClaim is the claim that says what a token permits; default permission.DefaultClaim.
	PermissionsClaim string
	// MaxTokenLife bounds the life of a token that Sign makes; default 24 h.
	MaxTokenLife time.Duration
	// Webhooks are the queues of the webhook targets; default none.
	Webhooks []webhook.Admin
	// Settings lists the configuration in force, with masked secrets; default nothing.
	Settings func() []Setting
	// SampleInterval is the time between two samples of a node, which answers chat questions of SamplesKind.
	SampleInterval time.Duration
	// Logger gets one line for each request; default no log.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.RedisPrefix = cmp.Or(o.RedisPrefix, registry.DefaultPrefix)
	o.MaxBody = cmp.Or(o.MaxBody, 1_000_000)
	o.MaxBatch = cmp.Or(o.MaxBatch, 16_000_000)
	o.MaxFeeds = cmp.Or(o.MaxFeeds, 16)
	o.IdempotencyKeys = cmp.Or(o.IdempotencyKeys, 10_000)
	o.MaxTokenLife = cmp.Or(o.MaxTokenLife, 24*time.Hour)
	o.PermissionsClaim = cmp.Or(o.PermissionsClaim, permission.DefaultClaim)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// API is the HTTP API of one node. Its methods are safe for concurrent use.
type API struct {
	opts    Options
	router  *router
	huma    huma.API
	keys    atomic.Pointer[keyring]
	origins *origin.List
	rates   *rates
	answers answers
	feed    *feed
	stats   Stats
	log     *slog.Logger

	document []byte
	docs     *docsPage

	sessionKey []byte // of SignIn

	running context.Context // ends with Close
	stop    context.CancelFunc
	tasks   sync.WaitGroup
}

// New returns the API with all operations. Close ends it.
func New(opts Options) (*API, error) {
	if opts.Chat == nil || opts.Nodes == nil {
		return nil, errors.New("api: Options.Chat or Options.Nodes is missing")
	}
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
	a.feed = newFeed(&a.opts)
	a.running, a.stop = context.WithCancel(context.Background())
	a.huma = a.newHuma()
	for _, register := range operations {
		register(a)
	}
	a.tasks.Go(func() { a.feed.run(a.running) }) // ends with Close
	return a, a.finishDocument()
}

// operations are the groups of operations.
var operations = []func(*API){
	registerPublish,
	registerBatch,
	registerRooms,
	registerMessages,
	registerUsers,
	registerModeration,
	registerTokens,
	registerRevocations,
	registerNodes,
	registerEvents,
	registerWebhooks,
	registerMonitor,
	registerDocs,
}

// Close ends the answers that last.
func (a *API) Close() {
	a.stop()
	a.tasks.Wait()
}

// Feeds returns how many readers of events this node has, and how many events it did not write.
func (a *API) Feeds() (readers int64, dropped uint64) {
	return a.feed.readers.Load(), a.feed.dropped.Load()
}

// Stats returns the counters.
func (a *API) Stats() *Stats { return &a.stats }

// Handles reports whether a path is one of the API.
func Handles(path string) bool {
	rest, ok := cutPrefix(path)
	return ok && (rest == "" || rest[0] == '/')
}

var _ http.Handler = (*API)(nil)
