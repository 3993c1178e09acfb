package store

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
)

// ErrKey means that a presented text is no valid API key: malformed, unknown, revoked or with a wrong secret. It does not
// say which.
var ErrKey = errors.New("api key is not valid")

// Bounds of what a key holds.
const (
	maxKeyName = 200 // characters
	maxScopes  = 32
	maxScope   = 64 // bytes
)

// Key is the record of an API key. It does not hold the secret.
type Key struct {
	ID      string    `json:"id"`
	Tenant  string    `json:"tenant"`
	Name    string    `json:"name"`
	Scopes  []string  `json:"scopes"`
	Created time.Time `json:"created"`
	Revoked time.Time `json:"revoked,omitzero"`
}

// Principal is who a verified API key speaks for.
type Principal struct {
	KeyID  string
	Tenant string
	Scopes []string // shared: nobody may write to them
}

// Has tells whether the principal has the scope.
func (p Principal) Has(scope string) bool { return slices.Contains(p.Scopes, scope) }

// keyRecord is what Redis holds of a key.
type keyRecord struct {
	Key
	SHA256 string `json:"sha256"` // of the secret, hex
}

// Keys keeps the API keys of all tenants.
type Keys struct {
	rdb   redis.UniversalClient
	cache *principalCache
	now   func() time.Time
}

// NewKeys returns the API keys that are recorded in rdb. The error of a bad configuration wraps avanak.ErrInvalid.
func NewKeys(cfg Config, rdb redis.UniversalClient) (*Keys, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("api keys: %w", err)
	}
	return &Keys{rdb: rdb, cache: newPrincipalCache(cfg.withDefaults().KeyCache), now: time.Now}, nil
}

// Mint makes a key and returns the text that the tenant presents, "avk_live_<id>_<secret>": this is the only time that it
// can be read. Bad input gives avanak.ErrInvalid.
func (k *Keys) Mint(ctx context.Context, tenant, name string, scopes []string) (presented string, key Key, err error) {
	now := k.now()
	key = Key{ID: avanak.NewID(KeyPrefix, now), Tenant: tenant, Name: name, Scopes: slices.Clone(scopes),
		Created: now.UTC().Truncate(time.Millisecond)}
	if err := checkKey(key); err != nil {
		return "", Key{}, fmt.Errorf("mint api key: %w", err)
	}
	presented = newPresented(key.ID)
	text, err := json.Marshal(keyRecord{Key: key, SHA256: digest(presented[secretStart:sumStart])})
	if err != nil {
		return "", Key{}, fmt.Errorf("mint api key: %w", err)
	}
	if err := k.rdb.Set(ctx, apiKeyKey(key.ID), text, 0).Err(); err != nil {
		return "", Key{}, redisFault("mint api key", err)
	}
	return presented, key, nil
}

func checkKey(key Key) error {
	if !validTenant(key.Tenant) {
		return fmt.Errorf("%w tenant", avanak.ErrInvalid)
	}
	if n := len([]rune(key.Name)); n == 0 || n > maxKeyName {
		return fmt.Errorf("%w: name must have 1 to %d characters", avanak.ErrInvalid, maxKeyName)
	}
	if len(key.Scopes) > maxScopes {
		return fmt.Errorf("%w: a key has at most %d scopes", avanak.ErrInvalid, maxScopes)
	}
	for _, s := range key.Scopes {
		if s == "" || len(s) > maxScope {
			return fmt.Errorf("%w: a scope must have 1 to %d bytes", avanak.ErrInvalid, maxScope)
		}
	}
	return nil
}

// Verify tells who a presented text speaks for. What is no valid key gives ErrKey; while Redis is away, keys that were
// verified less than Config.KeyCache ago still pass, and the others give avanak.ErrUnavailable. A key that was revoked by
// another process passes for up to Config.KeyCache.
func (k *Keys) Verify(ctx context.Context, presented string) (Principal, error) {
	id, secret, ok := splitPresented(presented)
	if !ok {
		return Principal{}, ErrKey
	}
	now, sum := k.now(), sha256.Sum256([]byte(presented))
	p, drops, ok := k.cache.principal(sum, now)
	if ok {
		return p, nil
	}
	rec, err := k.record(ctx, id)
	if errors.Is(err, avanak.ErrNotFound) {
		return Principal{}, ErrKey
	}
	if err != nil {
		return Principal{}, fmt.Errorf("verify api key: %w", err)
	}
	same := subtle.ConstantTimeCompare([]byte(digest(secret)), []byte(rec.SHA256)) == 1
	if !same || !rec.Revoked.IsZero() {
		return Principal{}, ErrKey
	}
	p = Principal{KeyID: rec.ID, Tenant: rec.Tenant, Scopes: rec.Scopes}
	k.cache.add(sum, p, now, drops)
	return p, nil
}

// record reads the record of a key.
func (k *Keys) record(ctx context.Context, id string) (keyRecord, error) {
	text, err := k.rdb.Get(ctx, apiKeyKey(id)).Result()
	if errors.Is(err, redis.Nil) {
		return keyRecord{}, fmt.Errorf("api key %s: %w", id, avanak.ErrNotFound)
	}
	if err != nil {
		return keyRecord{}, redisFault("read api key "+id, err)
	}
	var rec keyRecord
	if err := json.Unmarshal([]byte(text), &rec); err != nil {
		return keyRecord{}, fmt.Errorf("decode api key %s: %w", id, err)
	}
	return rec, nil
}

// Revoke ends a key for good. Here it ends at once, in other processes after Config.KeyCache at the latest. A tenant's key
// that does not exist gives avanak.ErrNotFound; one that is revoked already stays as it is.
func (k *Keys) Revoke(ctx context.Context, tenant, id string) error {
	if !avanak.ValidID(KeyPrefix, id) {
		return fmt.Errorf("revoke api key: %w", avanak.ErrNotFound)
	}
	rec, err := k.record(ctx, id)
	if err == nil && rec.Tenant != tenant {
		err = avanak.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("revoke api key: %w", err)
	}
	if rec.Revoked.IsZero() {
		// Nothing else of a record ever changes, so that reading and writing need not be one step.
		rec.Revoked = k.now().UTC().Truncate(time.Millisecond)
		text, err := json.Marshal(rec)
		if err != nil {
			return fmt.Errorf("revoke api key %s: %w", id, err)
		}
		if err := k.rdb.Set(ctx, apiKeyKey(id), text, 0).Err(); err != nil {
			return redisFault("revoke api key "+id, err)
		}
	}
	k.cache.drop(id)
	return nil
}
