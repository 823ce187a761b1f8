package revocation

import (
	"chorus/auth/token"
	"slices"
	"sync"
	"time"
)

// Table is what a node knows about revocations. Entries only ever give way to newer ones, so it does not matter in which
// order, how often and from where they come. The zero value is empty; it is safe
// for concurrent use.
type Table struct {
	mu      sync.RWMutex
	entries map[Key]Entry
	sweepAt int // the size at which entries that have ended are looked for
}

// minSweep is the size below which a table is not worth a sweep.
const minSweep = 1024

// revoked reports whether a token is refused. It takes at most three look-ups.
func (t *Table) revoked(c *token.Claims, now func() time.Time) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.entries) == 0 {
		return false
	}
	if c.ID() != "" {
		if e, ok := t.entries[Key{kindID, c.ID()}]; ok && e.inForce(now()) {
			return true
		}
	}
	if c.Subject() == "" {
		return false
	}
	if e, ok := t.entries[Key{kindSub, c.Subject()}]; ok && e.inForce(now()) {
		return true
	}
	e, ok := t.entries[Key{kindBefore, c.Subject()}]
	// A token without iat has the zero time there, which is before all others.
	return ok && e.inForce(now()) && c.IssuedAt().Before(time.UnixMilli(e.before))
}

// Get returns the last word on a key, the zero entry when there is none.
func (t *Table) Get(key Key) Entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.entries[key]
}

// Merge takes an entry in when it is newer than what is known and has not ended, and reports whether tokens may
// have become bad by it.
func (t *Table) Merge(key Key, entry Entry, now time.Time) (stricter bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old, known := t.entries[key]
	if known && !entry.Newer(old) || entry.until <= now.UnixMilli() {
		return false
	}
	t.put(key, entry, now)
	return !entry.undone
}

func (t *Table) put(key Key, entry Entry, now time.Time) {
	if t.entries == nil {
		t.entries = make(map[Key]Entry)
	}
	t.entries[key] = entry
	if len(t.entries) >= max(t.sweepAt, minSweep) {
		t.sweepLocked(now)
	}
}

// Sweep forgets what has ended.
func (t *Table) Sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweepLocked(now)
}

func (t *Table) sweepLocked(now time.Time) {
	for key, entry := range t.entries {
		if entry.until <= now.UnixMilli() {
			delete(t.entries, key)
		}
	}
	t.sweepAt = 2 * len(t.entries)
}

// Missing returns the entries that have not ended and that Redis, which has the given ones, lacks or has
// in an older form.
func (t *Table) Missing(stored map[Key]Entry, now time.Time) map[Key]Entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	missing := make(map[Key]Entry)
	for key, entry := range t.entries {
		if there, ok := stored[key]; entry.until > now.UnixMilli() && (!ok || entry.Newer(there)) {
			missing[key] = entry
		}
	}
	return missing
}

func (t *Table) active(now time.Time) int {
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

func (t *Table) list(now time.Time) []Revocation {
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
func (e Entry) revocation(key Key) Revocation {
	r := Revocation{Until: time.UnixMilli(e.until).UTC(), At: time.UnixMicro(e.at).UTC()}
	switch key.kind {
	case kindID:
		r.TokenID = key.value
	case kindBefore:
		r.Subject, r.IssuedBefore = key.value, time.UnixMilli(e.before).UTC()
	case kindSub:
		r.Subject = key.value
	}
	return r
}
