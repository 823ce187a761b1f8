// Package hook asks a back end whether clients may do what they want to do: the authorise hook.
//
// Each question is a signed POST. The answer permits or refuses, and may replace the value, add rooms and claims, and
// answer an event of the back end's own. What happens while the back end does not answer is set for each action.
package hook

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"chorus/api/sign"
	"chorus/chat"
)

// CodeFailed refuses an action because the hook did not decide about it.
const CodeFailed = "hook_failed"

// Policy says what happens to an action while the hook fails.
type Policy string

// The policies. What the hook refused last stays refused with each of them.
const (
	Closed Policy = "closed" // the action is refused
	Open   Policy = "open"   // the action is done
	Last   Policy = "last"   // the last verdict counts if it is at most 5 minutes old, else as Closed
)

// lastFor is how old the last verdict may be that counts with Last.
const lastFor = 5 * time.Minute

// Options configure New. URL, Signer and Actions are needed.
type Options struct {
	// URL is where questions are sent.
	URL string
	// Signer signs them.
	Signer *sign.Signer
	// Actions are those about which the hook is asked. Declared events with the mark hook are always asked about.
	Actions []chat.ActionKind
	// Claims of the token that are sent, by name or path; default none.
	Claims []string
	// OnFailure has a policy for actions; default Closed for connect, join and event, else Last.
	OnFailure map[chat.ActionKind]Policy
	// Timeout is how long an answer may take, counted from sending; default 1 s.
	Timeout time.Duration
	// Concurrency is how many questions may be under way; default 64. One user has at most an eighth of them.
	Concurrency int
	// Remembered is how many verdicts are remembered; default 100,000.
	Remembered int
	// Node is the id of this node.
	Node string
	// Observe is called with the outcome of each question and how long it took; default nothing. It must not block.
	Observe func(action chat.ActionKind, outcome Outcome, took time.Duration)
	// Logger gets failures; default no log. Neither values nor secrets are logged.
	Logger *slog.Logger
}

// Outcome is what became of a question.
type Outcome string

// The outcomes.
const (
	Allowed    Outcome = "allowed"
	Refused    Outcome = "refused"
	Cached     Outcome = "cached"     // a remembered verdict decided
	Failed     Outcome = "failed"     // no answer, or none that makes sense
	Skipped    Outcome = "skipped"    // not asked, because the hook failed several times in a row
	Overloaded Outcome = "overloaded" // not asked, because too many questions were under way
)

// Hook asks. Its methods are safe for concurrent use.
type Hook struct {
	opts     Options
	asked    map[chat.ActionKind]bool
	client   *http.Client
	slots    *slots
	breaker  *breaker
	verdicts *verdicts
}

// New returns a hook. Register its Ask with chat.Chat.Before.
func New(opts Options) *Hook {
	opts.Timeout = cmp.Or(opts.Timeout, time.Second)
	opts.Concurrency = cmp.Or(opts.Concurrency, 64)
	opts.Remembered = cmp.Or(opts.Remembered, 100_000)
	if opts.Observe == nil {
		opts.Observe = func(chat.ActionKind, Outcome, time.Duration) {}
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Hook{
		opts: opts, asked: make(map[chat.ActionKind]bool), client: newClient(opts.Timeout, opts.Concurrency),
		slots: newSlots(opts.Concurrency), verdicts: newVerdicts(opts.Remembered),
	}
	h.breaker = &breaker{changed: h.breakerChanged}
	for _, kind := range opts.Actions {
		h.asked[kind] = true
	}
	return h
}

// Close closes idle connections.
func (h *Hook) Close() { h.client.CloseIdleConnections() }

// Stats are gauges.
type Stats struct {
	Open       bool // nothing is asked, because the hook failed several times in a row
	UnderWay   int  // questions
	Waiting    int  // questions that wait until others are answered
	Remembered int  // verdicts
}

// Stats returns the gauges.
func (h *Hook) Stats() Stats {
	underWay, waiting := h.slots.counts()
	return Stats{Open: h.breaker.isOpen(time.Now()), UnderWay: underWay, Waiting: waiting, Remembered: h.verdicts.len()}
}

// Ask is for chat.Chat.Before: it asks about the action of a client, and puts into it what the answer gives.
func (h *Hook) Ask(ctx context.Context, a *chat.Action) error {
	if a.System || a.Socket() == nil {
		return nil
	}
	who := userOf(a)
	if a.Kind == chat.ActionConnect || a.Kind == chat.ActionRefresh {
		h.verdicts.token(who, a.Claims())
	}
	if !h.asks(a) {
		return nil
	}
	start := time.Now()
	outcome, err := h.decide(ctx, a, who)
	h.opts.Observe(a.Kind, outcome, time.Since(start))
	return err
}

// asks reports whether the hook is asked about an action.
func (h *Hook) asks(a *chat.Action) bool {
	if a.Kind == chat.ActionEvent {
		return a.Hook
	}
	return h.asked[a.Kind]
}

// userOf is who an action counts for. A client without a subject counts by itself.
func userOf(a *chat.Action) string {
	if id := a.User().ID; id != "" {
		return "u" + id
	}
	if claims := a.Claims(); claims != nil && claims.Subject() != "" { // not in force yet
		return "u" + claims.Subject()
	}
	return "s" + string(a.Socket().Id())
}

func (h *Hook) decide(ctx context.Context, a *chat.Action, who string) (Outcome, error) {
	k := keyOf(who, a)
	if v := h.verdicts.fresh(k, time.Now()); v != nil {
		return Cached, v.apply(a)
	}
	if h.breaker.isOpen(time.Now()) {
		return Skipped, h.failed(a, k)
	}
	if !h.slots.take(ctx, who, h.opts.Timeout) {
		return Overloaded, &chat.Error{Code: chat.CodeOverloaded, Message: "too many requests wait for the back end that decides about this: try again"}
	}
	defer h.slots.give(who)
	if !h.breaker.enter(time.Now()) {
		return Skipped, h.failed(a, k)
	}
	generation := h.verdicts.generation(who)
	v, err := h.ask(ctx, a)
	if err != nil {
		h.breaker.fail(time.Now())
		h.opts.Logger.Warn("the authorise hook failed", slog.String("action", string(a.Kind)), slog.Any("error", err))
		return Failed, h.failed(a, k)
	}
	h.breaker.succeed()
	h.verdicts.remember(k, generation, v)
	if !v.allow {
		return Refused, v.apply(a)
	}
	return Allowed, v.apply(a)
}

// failed decides about an action that the hook did not decide about.
func (h *Hook) failed(a *chat.Action, k key) error {
	policy, set := h.opts.OnFailure[a.Kind]
	if !set {
		policy = defaultPolicy(a.Kind)
	}
	known := h.verdicts.last(k)
	switch {
	case policy == Open && (known == nil || known.allow):
		return nil
	case policy != Closed && known != nil && !known.allow:
		return known.apply(a)
	case policy == Last && known != nil && time.Since(known.at) <= lastFor:
		return known.apply(a)
	}
	return &chat.Error{Code: CodeFailed, Message: "the back end that decides about this does not answer: try again later"}
}

func defaultPolicy(kind chat.ActionKind) Policy {
	switch kind {
	case chat.ActionRefresh, chat.ActionPublish, chat.ActionDirect:
		return Last
	}
	return Closed
}

// breakerChanged logs the begin and the end of an outage.
func (h *Hook) breakerChanged(open bool, pause time.Duration) {
	if open {
		h.opts.Logger.Error("the authorise hook failed several times in a row: it is not asked for a while, and hook.on_failure decides",
			slog.Duration("pause", pause))
		return
	}
	h.opts.Logger.Info("the authorise hook answers again")
}

// errAnswer means that an answer makes no sense.
var errAnswer = errors.New("the answer makes no sense")
