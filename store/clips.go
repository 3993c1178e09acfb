package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"github.com/avanak/avanak"
)

// loadTimeout bounds the load of one clip's frames; it does not end with the caller, as others may wait for the same load.
const loadTimeout = 30 * time.Second

// clipRecord is what Redis holds of a clip.
type clipRecord struct {
	avanak.Clip
	Audio string `json:"audio"` // blob key of the original and the frames, without the ending
}

func (r clipRecord) original() string { return r.Audio + ".original" }
func (r clipRecord) frames() string   { return r.Audio + ".frames" }

// Clips keeps the clips of all tenants.
type Clips struct {
	rdb   redis.UniversalClient
	blobs Blobs
	cache *frameCache
	loads singleflight.Group
}

// NewClips returns the clips that are recorded in rdb, with their audio in blobs. The error of a bad configuration wraps
// avanak.ErrInvalid.
func NewClips(cfg Config, rdb redis.UniversalClient, blobs Blobs) (*Clips, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("clips: %w", err)
	}
	return &Clips{rdb: rdb, blobs: blobs, cache: newFrameCache(cfg.withDefaults().FrameCache)}, nil
}

// addClip writes record and index entry together, once. A repetition of the same record (a retry after a lost reply) is
// success: the record holds random bits.
var addClip = redis.NewScript(`
local held = redis.call('GET', KEYS[1])
if held then
  return held == ARGV[1] and 1 or 0
end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], 0, ARGV[2])
return 1
`)

// Add stores a clip: first the original upload and the frames, then the record, so that a clip that can be seen is whole. It
// fills in Size and SHA256 from the bytes read; where the clip already names a SHA256, it must be the same. The id is the
// caller's: one that is taken gives avanak.ErrConflict, which after a lost reply can mean an earlier success of the same
// request. Bad input gives avanak.ErrInvalid.
func (c *Clips) Add(ctx context.Context, clip avanak.Clip, original io.Reader, frames avanak.Frames) (avanak.Clip, error) {
	if err := checkClip(clip, frames); err != nil {
		return avanak.Clip{}, fmt.Errorf("add clip: %w", err)
	}
	// Two requests with the same id never write the same file: the loser's audio cannot replace the winner's.
	rec := clipRecord{Clip: clip, Audio: "clips/" + clip.ID + "-" + strings.ToLower(rand.Text())}
	if err := c.putAudio(ctx, &rec, original, frames); err != nil {
		return avanak.Clip{}, fmt.Errorf("add clip %s: %w", clip.ID, err)
	}
	text, err := json.Marshal(rec)
	if err != nil {
		return avanak.Clip{}, fmt.Errorf("add clip %s: %w", clip.ID, err)
	}
	added, err := addClip.Run(ctx, c.rdb, []string{clipKey(clip.ID), clipIndexKey(clip.Tenant)}, text, indexMember(clip)).Int()
	if err != nil {
		// The reply may be lost and the record written: the audio stays, at worst as a file that nobody names.
		return avanak.Clip{}, redisFault("add clip "+clip.ID, err)
	}
	if added == 0 {
		c.dropAudio(ctx, rec)
		return avanak.Clip{}, fmt.Errorf("add clip %s: %w: the id is taken", clip.ID, avanak.ErrConflict)
	}
	return rec.Clip, nil
}

// checkClip refuses what cannot be stored.
func checkClip(clip avanak.Clip, frames avanak.Frames) error {
	switch {
	case !avanak.ValidID(avanak.ClipPrefix, clip.ID):
		return fmt.Errorf("%w clip id", avanak.ErrInvalid)
	case !validTenant(clip.Tenant):
		return fmt.Errorf("%w tenant", avanak.ErrInvalid)
	case clip.Created.Before(time.UnixMilli(0)):
		return fmt.Errorf("%w clip: it needs the time of its creation", avanak.ErrInvalid)
	}
	return checkFrames(frames)
}

// putAudio writes both blobs and completes the record. What was written is removed where it fails.
func (c *Clips) putAudio(ctx context.Context, rec *clipRecord, original io.Reader, frames avanak.Frames) error {
	sum, size := sha256.New(), &counter{}
	err := c.blobs.Put(ctx, rec.original(), io.TeeReader(original, io.MultiWriter(sum, size)))
	if err != nil {
		return err
	}
	rec.Size = size.n
	digest := hex.EncodeToString(sum.Sum(nil))
	if rec.SHA256 != "" && rec.SHA256 != digest {
		err = fmt.Errorf("%w clip: the upload's SHA-256 is another", avanak.ErrInvalid)
	}
	rec.SHA256 = digest
	if err == nil {
		err = c.blobs.Put(ctx, rec.frames(), encodeFrames(frames))
	}
	if err != nil {
		c.dropAudio(ctx, *rec)
	}
	return err
}

// dropAudio removes the blobs of a clip that has no record. It goes on where the request was cancelled; what it cannot
// remove is a file that nobody names, so its errors change nothing.
func (c *Clips) dropAudio(ctx context.Context, rec clipRecord) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	_ = c.blobs.Delete(ctx, rec.original())
	_ = c.blobs.Delete(ctx, rec.frames())
}

// counter counts the bytes written to it.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// Get returns a tenant's clip; avanak.ErrNotFound where the tenant has none of this id.
func (c *Clips) Get(ctx context.Context, tenant, id string) (avanak.Clip, error) {
	rec, err := c.own(ctx, tenant, id)
	if err != nil {
		return avanak.Clip{}, fmt.Errorf("get clip: %w", err)
	}
	return rec.Clip, nil
}

// Original opens the upload of a tenant's clip for reading; the caller closes it.
func (c *Clips) Original(ctx context.Context, tenant, id string) (io.ReadCloser, error) {
	rec, err := c.own(ctx, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("open clip: %w", err)
	}
	return c.blobs.Open(ctx, rec.original())
}

// own reads the record of a tenant's clip. Another tenant's clip is answered like one that does not exist.
func (c *Clips) own(ctx context.Context, tenant, id string) (clipRecord, error) {
	rec, err := c.record(ctx, id)
	if err == nil && rec.Tenant != tenant {
		err = avanak.ErrNotFound
	}
	return rec, err
}

// record reads the record of a clip. An id that cannot exist is not found, and never reaches Redis.
func (c *Clips) record(ctx context.Context, id string) (clipRecord, error) {
	if !avanak.ValidID(avanak.ClipPrefix, id) {
		return clipRecord{}, avanak.ErrNotFound
	}
	text, err := c.rdb.Get(ctx, clipKey(id)).Result()
	if errors.Is(err, redis.Nil) {
		return clipRecord{}, fmt.Errorf("clip %s: %w", id, avanak.ErrNotFound)
	}
	if err != nil {
		return clipRecord{}, redisFault("read clip "+id, err)
	}
	return decodeClip(id, text)
}

func decodeClip(id, text string) (clipRecord, error) {
	var rec clipRecord
	if err := json.Unmarshal([]byte(text), &rec); err != nil {
		return clipRecord{}, fmt.Errorf("decode clip %s: %w", id, err)
	}
	return rec, nil
}

// Frames returns the encoded audio of a clip of any tenant, from memory where it was used lately. Calls at the same time
// share one load. The frames are shared: nobody may write to them.
func (c *Clips) Frames(ctx context.Context, id string) (avanak.Frames, error) {
	if f, ok := c.cache.frames(id); ok {
		return f, nil
	}
	load := c.loads.DoChan(id, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		f, err := c.load(ctx, id)
		if err == nil {
			c.cache.add(id, f)
		}
		return f, err
	})
	select {
	case <-ctx.Done():
		return avanak.Frames{}, fmt.Errorf("load frames: %w", ctx.Err())
	case got := <-load:
		if got.Err != nil {
			return avanak.Frames{}, fmt.Errorf("load frames: %w", got.Err)
		}
		return got.Val.(avanak.Frames), nil
	}
}

func (c *Clips) load(ctx context.Context, id string) (avanak.Frames, error) {
	rec, err := c.record(ctx, id)
	if err != nil {
		return avanak.Frames{}, err
	}
	r, err := c.blobs.Open(ctx, rec.frames())
	if err != nil {
		return avanak.Frames{}, err
	}
	defer func() { _ = r.Close() }() // reading ended well or has its own error
	f, err := decodeFrames(r)
	if err != nil {
		return avanak.Frames{}, fmt.Errorf("clip %s: %w", id, err)
	}
	return f, nil
}
