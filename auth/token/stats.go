package token

import "time"

// Stats count what a verifier has done since it was made.
type Stats struct {
	CacheHits    uint64 // tokens whose signature was not checked again
	CacheMisses  uint64 // tokens that were not in the cache, bad ones included
	CacheEntries int    // tokens in the cache now
	JWKSKeys     int    // keys of the JWKS in force
	JWKSReads    uint64 // times the JWKS was read
	JWKSFailures uint64 // times it could not be
}

// Stats returns the counts of this moment.
func (v *Verifier) Stats() Stats {
	stats := Stats{JWKSKeys: len(v.keys.current.Load().issued)}
	if v.cache != nil {
		stats.CacheHits, stats.CacheMisses = v.cache.hits.Load(), v.cache.misses.Load()
		stats.CacheEntries = v.cache.entries.Len()
	}
	if v.jwks != nil {
		state := v.jwks.snapshot()
		stats.JWKSReads, stats.JWKSFailures = state.successes, state.failures
	}
	return stats
}

// JWKSAge returns how long ago the JWKS was last read, and false when there is none or it has not been
// read yet. An age of more than Options.JWKSRefresh means that the issuer does not answer.
func (v *Verifier) JWKSAge() (time.Duration, bool) {
	if v.jwks == nil {
		return 0, false
	}
	at := v.jwks.snapshot().loadedAt
	if at.IsZero() {
		return 0, false
	}
	return time.Since(at), true
}

// Ready returns nil when all keys are there. Before the JWKS has been read for the first time it returns
// ErrKeysUnavailable and why, also when there are other keys: a client may be sent to another node.
func (v *Verifier) Ready() error {
	if v.jwks == nil {
		return nil
	}
	return v.jwks.ready()
}
