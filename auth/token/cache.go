package token

import (
	"crypto/sha256"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
)

// DefaultCacheSize is the number of tokens whose verification is remembered unless Options say otherwise.
const DefaultCacheSize = 10_000

// tokenHash stands for a token, so that none lies about in memory.
type tokenHash [sha256.Size]byte

// cache remembers what good tokens say, so that each costs one signature check. A nil one remembers
// nothing. Bad tokens are not remembered: anybody can make as many as they like.
type cache struct {
	// The variant of this package with a time to live has a goroutine that never ends, and times are
	// looked at again on every hit anyway.
	entries *lru.Cache[tokenHash, verified]
	hits    atomic.Uint64
	misses  atomic.Uint64
}

// verified is a result, which is as good as the keys it was found with.
type verified struct {
	claims *Claims
	keys   *keySet
}

func newCache(size int) (*cache, error) {
	if size < 0 {
		return nil, nil //nolint:nilnil // a nil cache is one that is off
	}
	entries, err := lru.New[tokenHash, verified](size)
	if err != nil {
		return nil, err
	}
	return &cache{entries: entries}, nil
}

// get returns the claims of a token that was verified with these keys.
func (c *cache) get(hash tokenHash, keys *keySet) (*Claims, bool) {
	if c == nil {
		return nil, false
	}
	entry, ok := c.entries.Get(hash)
	if !ok || entry.keys != keys {
		c.misses.Add(1)
		return nil, false
	}
	c.hits.Add(1)
	return entry.claims, true
}

func (c *cache) put(hash tokenHash, entry verified) {
	if c != nil {
		c.entries.Add(hash, entry)
	}
}

// forget makes room when a token has come to its end.
func (c *cache) forget(hash tokenHash) {
	if c != nil {
		c.entries.Remove(hash)
	}
}
