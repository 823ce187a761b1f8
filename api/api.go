package api

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"chorus/api/rest"
	"chorus/api/webhook"
	"chorus/auth/permission"
	"chorus/auth/revocation"
	"chorus/chat"
	"chorus/registry"
)

// Options configure New. Chat and Nodes are needed; the zero value of everything else is useful.
type Options struct {
	rest.Options
	Chat  *chat.Chat
	Nodes *registry.Registry
	// Revocations are those of the Verifier.
	Revocations *revocation.Set
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
}

func (o Options) withDefaults() Options {
	o.RedisPrefix = cmp.Or(o.RedisPrefix, registry.DefaultPrefix)
	o.MaxFeeds = cmp.Or(o.MaxFeeds, 16)
	o.MaxTokenLife = cmp.Or(o.MaxTokenLife, 24*time.Hour)
	o.PermissionsClaim = cmp.Or(o.PermissionsClaim, permission.DefaultClaim)
	o.Refusal = o.Chat.Refusal
	return o
}

// API is the HTTP API of one node. Its methods are safe for concurrent use.
type API struct {
	*rest.API
	opts Options
	feed *feed

	running context.Context // ends with Close
	stop    context.CancelFunc
	tasks   sync.WaitGroup
}

// New returns the API with all operations. Close ends it.
func New(opts Options) (*API, error) {
	if opts.Chat == nil || opts.Nodes == nil {
		return nil, errors.New("api: Options.Chat or Options.Nodes is missing")
	}
	opts = opts.withDefaults()
	shared, err := rest.New(opts.Options)
	if err != nil {
		return nil, err
	}
	a := &API{API: shared, opts: opts, feed: newFeed(&opts)}
	a.running, a.stop = context.WithCancel(context.Background())
	for _, register := range operations {
		register(a)
	}
	a.tasks.Go(func() { a.feed.run(a.running) }) // ends with Close
	return a, a.Complete()
}

// operations are the groups of operations.
var operations = []func(*API){
	registerPublish,
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
