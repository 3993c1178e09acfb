package store

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxPrincipals bounds the memory of the cache; past it, a key is looked up each time until entries have expired.
const maxPrincipals = 10_000

// principalCache remembers for a moment which presented texts were verified, to keep Redis out of the path of each request.
// It holds their SHA-256, not the texts.
type principalCache struct {
	ttl time.Duration

	mu     sync.Mutex
	byText map[[sha256.Size]byte]cachedPrincipal // guarded by mu
	drops  uint64                                // guarded by mu; how often a key was dropped
}

type cachedPrincipal struct {
	principal Principal
	until     time.Time
}

func newPrincipalCache(ttl time.Duration) *principalCache {
	return &principalCache{ttl: ttl, byText: map[[sha256.Size]byte]cachedPrincipal{}}
}

// principal returns who was verified with this text, where that is still fresh; where it is not, it returns the number that
// add wants.
func (c *principalCache) principal(text [sha256.Size]byte, now time.Time) (p Principal, drops uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.byText[text]
	if !ok || !now.Before(entry.until) {
		return Principal{}, c.drops, false
	}
	return entry.principal, c.drops, true
}

// add remembers a verification that was asked for at this instant. Where a key was dropped since, the record may have been
// read before its revocation, and is not remembered.
func (c *principalCache) add(text [sha256.Size]byte, p Principal, asked time.Time, drops uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if drops != c.drops {
		return
	}
	if len(c.byText) >= maxPrincipals {
		for t, entry := range c.byText {
			if !asked.Before(entry.until) {
				delete(c.byText, t)
			}
		}
	}
	if len(c.byText) < maxPrincipals {
		c.byText[text] = cachedPrincipal{principal: p, until: asked.Add(c.ttl)}
	}
}

// drop forgets a key.
func (c *principalCache) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	for t, entry := range c.byText {
		if entry.principal.KeyID == id {
			delete(c.byText, t)
		}
	}
}
