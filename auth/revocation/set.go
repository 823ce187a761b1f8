package revocation

import (
	"cmp"
	"context"
	"time"

	"chorus/auth/token"
)

// Options configure New. The zero value is useful.
type Options struct {
	// Store brings the revocations of the other nodes; default memory, for a node alone. The set closes it.
	Store Store

	// Keep is how long a revocation without an end of its own is kept, and how long an undoing is remembered; default
	// DefaultKeep. It must not be shorter than the life of the longest-lived token, nor than the time for which a node
	// may be cut off from the store and go on.
	Keep time.Duration
}

// Set knows which tokens are revoked. Make it with [New]. It is safe for concurrent use; a nil one knows none.
type Set struct {
	keep     time.Duration
	table    Table
	watchers watchers
	store    Store
}

// New returns a set and opens its store. It does not wait for the store.
func New(opts Options) *Set {
	s := &Set{keep: cmp.Or(max(opts.Keep, 0), DefaultKeep), store: opts.Store}
	if s.store == nil {
		s.store = &memory{}
	}
	s.store.Open(&s.table, func() { s.watchers.call(s.Revoked) })
	return s
}

// Revoke makes tokens bad: from when it returns on this node, and within a second on all others. The middleware
// disconnects their sockets with the code token_revoked. An error wraps ErrInvalid or ErrUnavailable, and nothing is
// applied then.
func (s *Set) Revoke(ctx context.Context, revocation Revocation) error {
	key, err := revocation.key()
	if err != nil {
		return err
	}
	entry, err := revocation.entry(time.Now(), s.keep)
	if err != nil {
		return err
	}
	return s.store.Put(ctx, key, entry)
}

// Undo takes a revocation back: TokenID or Subject name it, and any IssuedBefore says that it is the one of that kind
// and not the ban; Until is ignored. Undoing what was not revoked does no harm. Sockets that were disconnected stay so.
// The errors are those of Revoke.
func (s *Set) Undo(ctx context.Context, revocation Revocation) error {
	key, err := revocation.key()
	if err != nil {
		return err
	}
	return s.store.Put(ctx, key, Entry{undone: true, until: time.Now().Add(s.keep).UnixMilli()})
}

// Revoked reports whether a token is revoked, as far as this node knows: see [Set.Ready].
func (s *Set) Revoked(claims *token.Claims) bool {
	return s != nil && s.table.revoked(claims, time.Now)
}

// List returns the revocations in force that this node knows, the newest first.
func (s *Set) List() []Revocation {
	if s == nil {
		return nil
	}
	return s.table.list(time.Now())
}

// Len returns how many revocations are in force here.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.table.active(time.Now())
}

// Watch has fn called after each batch of new revocations is in force, without any lock. A store calls it from one
// goroutine at a time. Its argument reports whether a token is revoked. A caller that keeps sockets must list a socket
// first and check its claims once more afterwards: a revocation may come between the verification and the listing. A
// call that has begun before stop may still run when stop returns.
func (s *Set) Watch(fn func(revoked func(*token.Claims) bool)) (stop func()) {
	if s == nil {
		return func() {}
	}
	return s.watchers.add(fn)
}

// Ready returns nil once this node knows all revocations of the cluster; before, a token may pass that was revoked. It
// stays nil while the store is away: known revocations stay in force.
func (s *Set) Ready() error {
	if s == nil {
		return nil
	}
	return s.store.Ready()
}

// Wait returns as soon as Ready would return nil, or, when ctx ends before, what Ready returns.
func (s *Set) Wait(ctx context.Context) error {
	if s == nil {
		return nil
	}
	return s.store.Wait(ctx)
}

// Close closes the store, or returns an error when ctx ends before that is done. It is idempotent. Known revocations
// stay in force.
func (s *Set) Close(ctx context.Context) error {
	if s == nil {
		return nil
	}
	return s.store.Close(ctx)
}
