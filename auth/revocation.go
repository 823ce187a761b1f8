package auth

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// DefaultRevocationKeep is how long a revocation without an end of its own is kept.
const DefaultRevocationKeep = 720 * time.Hour

// maxRevocationValueBytes bounds a token id or subject that can be revoked: every node keeps it.
const maxRevocationValueBytes = 1024

// Forever is the Until of a revocation that never ends: the last second of the year 9999. Tokens
// without exp need it.
var Forever = time.Unix(253402300799, 0).UTC()

var (
	// ErrBadRevocation means that a Revocation names nothing, or more than one thing, or has a value
	// that cannot be.
	ErrBadRevocation = errors.New("auth: bad revocation")

	// ErrRevocationUnavailable means that Redis did not accept a revocation, or has not been read yet. When
	// the answer was what got lost, the revocation may be in force: asking again does no harm.
	ErrRevocationUnavailable = errors.New("auth: redis does not answer for revocations")
)

// Revocation says which tokens are refused although they have not expired. There are three kinds:
//
//   - TokenID alone: the token with this jti;
//   - Subject alone: all tokens with this sub, old and new, until it ends or is undone: a ban;
//   - Subject and IssuedBefore: the tokens with this sub whose iat is before that, and those without iat.
//     Of several for a subject the latest IssuedBefore counts. Since issuers write iat in whole seconds, a
//     token that is issued later in the same second is refused too.
type Revocation struct {
	TokenID      string
	Subject      string
	IssuedBefore time.Time

	// Until is when the revocation is forgotten, since all tokens that it is about have expired: the largest
	// exp plus the leeway. The zero value stands for the Keep of the options, counted from now, which then
	// must not be shorter than the life of the longest-lived token. Revoking the same again never brings
	// the end nearer.
	Until time.Time

	// At is when it was said. Revoke and Undo set it.
	At time.Time
}

// revocationKind is the first part of a key, as it is written to Redis.
type revocationKind string

const (
	revokeID     revocationKind = "id"
	revokeSub    revocationKind = "sub"
	revokeBefore revocationKind = "before"
)

// revocationKey is what a revocation is about. There is one entry for each.
type revocationKey struct {
	kind  revocationKind
	value string
}

// key checks what a revocation is about.
func (r *Revocation) key() (revocationKey, error) {
	key := revocationKey{kind: revokeSub, value: r.Subject}
	switch {
	case r.TokenID != "" && r.Subject != "":
		return key, fmt.Errorf("%w: both a token id and a subject: revoke one after the other", ErrBadRevocation)
	case r.TokenID == "" && r.Subject == "":
		return key, fmt.Errorf("%w: neither a token id nor a subject", ErrBadRevocation)
	case r.TokenID != "" && !r.IssuedBefore.IsZero():
		return key, fmt.Errorf("%w: a token id with a date of issue: that goes with a subject only", ErrBadRevocation)
	case r.TokenID != "":
		key = revocationKey{kind: revokeID, value: r.TokenID}
	case !r.IssuedBefore.IsZero():
		key.kind = revokeBefore
	}
	if len(key.value) > maxRevocationValueBytes {
		return key, fmt.Errorf("%w: %d bytes, at most %d", ErrBadRevocation, len(key.value), maxRevocationValueBytes)
	}
	if !utf8.ValidString(key.value) {
		return key, fmt.Errorf("%w: not UTF-8, so no token has it", ErrBadRevocation)
	}
	return key, nil
}

// entry makes what is kept of a revocation. Its time is to be set by whoever keeps it.
func (r *Revocation) entry(now time.Time, keep time.Duration) (revocationEntry, error) {
	until := r.Until
	switch {
	case until.IsZero():
		until = now.Add(keep)
	case !until.After(now):
		return revocationEntry{}, fmt.Errorf("%w: it would have ended already", ErrBadRevocation)
	}
	if until.After(Forever) {
		until = Forever
	}
	entry := revocationEntry{until: until.UnixMilli()}
	if before := r.IssuedBefore; !before.IsZero() {
		if before.Unix() <= 0 || before.After(Forever) {
			return entry, fmt.Errorf("%w: issued before a date that is not between 1970 and 9999", ErrBadRevocation)
		}
		// Rounded up, so that nothing before the date slips through.
		entry.before = before.Add(time.Millisecond - 1).UnixMilli()
	}
	return entry, nil
}

// Revocations knows which tokens are not good any more although they have not expired. Make it with
// [NewRevocations] or [NewRedisRevocations]; give its function Revoked to a Verifier with Options.Revoked, and all of it to
// the middleware. It is safe for concurrent use; a nil one knows none.
type Revocations struct {
	keep     time.Duration
	table    revocationTable
	watchers watchers
	redis    *revocationSync // nil for a node alone
}

// NewRevocations returns revocations of this process alone: nobody else hears of them, and they end with
// it. They are kept for DefaultRevocationKeep unless they say otherwise.
func NewRevocations() *Revocations {
	return &Revocations{keep: DefaultRevocationKeep}
}

// Revoke makes tokens bad: from when it returns on this node, and within a second on all others. The
// sockets that came in with such a token are disconnected with the code token_revoked. An error wraps
// ErrBadRevocation or ErrRevocationUnavailable, and nothing is applied then.
func (r *Revocations) Revoke(ctx context.Context, revocation Revocation) error {
	key, err := revocation.key()
	if err != nil {
		return err
	}
	entry, err := revocation.entry(time.Now(), r.keep)
	if err != nil {
		return err
	}
	return r.say(ctx, key, entry)
}

// Undo takes a revocation back: TokenID or Subject say which one, and any IssuedBefore that it is the one
// of that kind and not the ban; Until is not looked at. Undoing what was not revoked does no harm. Sockets
// that were disconnected stay so. The errors are those of Revoke.
func (r *Revocations) Undo(ctx context.Context, revocation Revocation) error {
	key, err := revocation.key()
	if err != nil {
		return err
	}
	return r.say(ctx, key, revocationEntry{undone: true, until: time.Now().Add(r.keep).UnixMilli()})
}

// say has an entry take the place of what is known of the key.
func (r *Revocations) say(ctx context.Context, key revocationKey, entry revocationEntry) error {
	if r.redis != nil {
		return r.redis.say(ctx, key, entry)
	}
	if r.table.say(key, entry, time.Now()) {
		r.watchers.call(r.Revoked)
	}
	return nil
}

// List returns the revocations in force that this node knows, the newest first.
func (r *Revocations) List() []Revocation {
	if r == nil {
		return nil
	}
	return r.table.list(time.Now())
}

// Len returns how many revocations are in force here.
func (r *Revocations) Len() int {
	if r == nil {
		return 0
	}
	return r.table.active(time.Now())
}

// Ready returns nil once all revocations of the cluster were read from Redis; before, a token may pass
// that was revoked. It stays nil while Redis is away: what is known stays known. For a node alone it is
// always nil.
func (r *Revocations) Ready() error {
	if r == nil || r.redis == nil {
		return nil
	}
	return r.redis.ready()
}

// Wait returns as soon as Ready would return nil, or, when ctx ends before, what Ready returns.
func (r *Revocations) Wait(ctx context.Context) error {
	if r == nil || r.redis == nil {
		return nil
	}
	select {
	case <-r.redis.loaded:
		return nil
	case <-ctx.Done():
		return r.Ready()
	}
}

// Close ends the goroutines and returns when they have ended, or with an error when ctx ends before. It is
// idempotent. What is known stays known.
func (r *Revocations) Close(ctx context.Context) error {
	if r == nil || r.redis == nil {
		return nil
	}
	return r.redis.close(ctx)
}

// Revoked reports whether the token of the claims was revoked, as far as is known here: see [Revocations.Ready].
func (r *Revocations) Revoked(claims *Claims) bool {
	return r != nil && r.table.revoked(claims, time.Now)
}

// watch has fn called after each batch of new revocations is in force, without any lock, from one goroutine
// at a time with Redis, and from Revoke for a node alone. What it gets tells whether a token is revoked.
// Whoever keeps sockets must list a socket first and check its claims once more afterwards: a
// revocation may come between the verification and the listing. A call that has begun when stop is called
// may still be running when it returns.
func (r *Revocations) watch(fn func(affected func(*Claims) bool)) (stop func()) {
	if r == nil {
		return func() {}
	}
	return r.watchers.add(fn)
}
