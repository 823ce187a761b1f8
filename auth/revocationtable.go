package auth

import (
	"slices"
	"sync"
	"time"
)

// revocationTable holds what a node knows about revocations. Entries only ever give way to newer ones, so it
// does not matter in which order, how often and from whom they come. The zero value is empty; it is safe
// for concurrent use.
type revocationTable struct {
	mu      sync.RWMutex
	entries map[revocationKey]revocationEntry
	sweepAt int // the size at which entries that have ended are looked for
}

// minSweep is the size below which a table is not worth a sweep.
const minSweep = 1024

// revoked tells whether a token is refused. It takes at most three look-ups.
func (t *revocationTable) revoked(c *Claims, now func() time.Time) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.entries) == 0 {
		return false
	}
	if c.ID() != "" {
		if e, ok := t.entries[revocationKey{revokeID, c.ID()}]; ok && e.inForce(now()) {
			return true
		}
	}
	if c.Subject() == "" {
		return false
	}
	if e, ok := t.entries[revocationKey{revokeSub, c.Subject()}]; ok && e.inForce(now()) {
		return true
	}
	e, ok := t.entries[revocationKey{revokeBefore, c.Subject()}]
	// A token without iat has the zero time there, which is before all others.
	return ok && e.inForce(now()) && c.IssuedAt().Before(time.UnixMilli(e.before))
}

// get returns the last word on a key, the zero entry when there is none.
func (t *revocationTable) get(key revocationKey) revocationEntry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.entries[key]
}

// say makes an entry the last word on its key, and tells whether tokens may have become bad by it.
func (t *revocationTable) say(key revocationKey, entry revocationEntry, now time.Time) (stricter bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(key, entry.over(t.entries[key], now), now)
	return !entry.undone
}

// merge takes an entry in when it is newer than what is known and has not ended, and tells whether tokens
// may have become bad by it.
func (t *revocationTable) merge(key revocationKey, entry revocationEntry, now time.Time) (stricter bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old, known := t.entries[key]
	if known && !entry.newer(old) || entry.until <= now.UnixMilli() {
		return false
	}
	t.put(key, entry, now)
	return !entry.undone
}

func (t *revocationTable) put(key revocationKey, entry revocationEntry, now time.Time) {
	if t.entries == nil {
		t.entries = make(map[revocationKey]revocationEntry)
	}
	t.entries[key] = entry
	if len(t.entries) >= max(t.sweepAt, minSweep) {
		t.sweepLocked(now)
	}
}

// sweep forgets what has ended.
func (t *revocationTable) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweepLocked(now)
}

func (t *revocationTable) sweepLocked(now time.Time) {
	for key, entry := range t.entries {
		if entry.until <= now.UnixMilli() {
			delete(t.entries, key)
		}
	}
	t.sweepAt = 2 * len(t.entries)
}

// missing returns the entries that have not ended and that Redis, which has the given ones, lacks or has
// in an older form.
func (t *revocationTable) missing(stored map[revocationKey]revocationEntry, now time.Time) map[revocationKey]revocationEntry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	missing := make(map[revocationKey]revocationEntry)
	for key, entry := range t.entries {
		if there, ok := stored[key]; entry.until > now.UnixMilli() && (!ok || entry.newer(there)) {
			missing[key] = entry
		}
	}
	return missing
}

func (t *revocationTable) active(now time.Time) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := 0
	for _, entry := range t.entries {
		if entry.inForce(now) {
			n++
		}
	}
	return n
}

func (t *revocationTable) list(now time.Time) []Revocation {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var list []Revocation
	for key, entry := range t.entries {
		if entry.inForce(now) {
			list = append(list, entry.revocation(key))
		}
	}
	slices.SortFunc(list, func(a, b Revocation) int { return b.At.Compare(a.At) })
	return list
}

// revocation returns the form for programs.
func (e revocationEntry) revocation(key revocationKey) Revocation {
	r := Revocation{Until: time.UnixMilli(e.until).UTC(), At: time.UnixMicro(e.at).UTC()}
	switch key.kind {
	case revokeID:
		r.TokenID = key.value
	case revokeBefore:
		r.Subject, r.IssuedBefore = key.value, time.UnixMilli(e.before).UTC()
	case revokeSub:
		r.Subject = key.value
	}
	return r
}
