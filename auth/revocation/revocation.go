// Package revocation refuses tokens that have not expired.
//
// A [Set] is what a node knows. Its [Store] brings it the revocations of the other nodes: [NewRedis] or, for a node
// alone, memory. A verifier takes the function Revoked of the set, a middleware takes the set:
//
//	revoked := revocation.New(revocation.Options{Store: revocation.NewRedis(client, revocation.RedisOptions{})})
//	verifier, err := auth.NewVerifier(auth.Options{Secrets: secrets, Revoked: revoked.Revoked})
//	...
//	io.Use(auth.Middleware(verifier, auth.MiddlewareOptions{Revocations: revoked}))
package revocation

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// DefaultKeep is how long a revocation without an end of its own is kept.
const DefaultKeep = 720 * time.Hour

// maxValueBytes bounds a token id or subject that can be revoked: every node keeps it.
const maxValueBytes = 1024

// Forever is the Until of a revocation that never ends: the last second of the year 9999. Tokens
// without exp need it.
var Forever = time.Unix(253402300799, 0).UTC()

var (
	// ErrInvalid means that a Revocation names nothing, or more than one thing, or has a value
	// that cannot be.
	ErrInvalid = errors.New("auth: bad revocation")

	// ErrUnavailable means that Redis did not accept a revocation, or has not been read yet. When
	// the answer was what got lost, the revocation may be in force: asking again does no harm.
	ErrUnavailable = errors.New("auth: redis does not answer for revocations")
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

	// At is when it was published. Revoke and Undo set it.
	At time.Time
}

// kind is the first part of a key, as it is written to Redis.
type kind string

const (
	kindID     kind = "id"
	kindSub    kind = "sub"
	kindBefore kind = "before"
)

// Key is what a revocation is about. There is one entry for each.
type Key struct {
	kind  kind
	value string
}

// key checks what a revocation is about.
func (r *Revocation) key() (Key, error) {
	key := Key{kind: kindSub, value: r.Subject}
	switch {
	case r.TokenID != "" && r.Subject != "":
		return key, fmt.Errorf("%w: both a token id and a subject: revoke one after the other", ErrInvalid)
	case r.TokenID == "" && r.Subject == "":
		return key, fmt.Errorf("%w: neither a token id nor a subject", ErrInvalid)
	case r.TokenID != "" && !r.IssuedBefore.IsZero():
		return key, fmt.Errorf("%w: a token id with a date of issue: that goes with a subject only", ErrInvalid)
	case r.TokenID != "":
		key = Key{kind: kindID, value: r.TokenID}
	case !r.IssuedBefore.IsZero():
		key.kind = kindBefore
	}
	if len(key.value) > maxValueBytes {
		return key, fmt.Errorf("%w: %d bytes, at most %d", ErrInvalid, len(key.value), maxValueBytes)
	}
	if !utf8.ValidString(key.value) {
		return key, fmt.Errorf("%w: not UTF-8, so no token has it", ErrInvalid)
	}
	return key, nil
}

// entry returns what is kept of a revocation. The store sets its time.
func (r *Revocation) entry(now time.Time, keep time.Duration) (Entry, error) {
	until := r.Until
	switch {
	case until.IsZero():
		until = now.Add(keep)
	case !until.After(now):
		return Entry{}, fmt.Errorf("%w: it would have ended already", ErrInvalid)
	}
	if until.After(Forever) {
		until = Forever
	}
	entry := Entry{until: until.UnixMilli()}
	if before := r.IssuedBefore; !before.IsZero() {
		if before.Unix() <= 0 || before.After(Forever) {
			return entry, fmt.Errorf("%w: issued before a date that is not between 1970 and 9999", ErrInvalid)
		}
		// Rounded up, so that nothing before the date slips through.
		entry.before = before.Add(time.Millisecond - 1).UnixMilli()
	}
	return entry, nil
}
