package store

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
)

// Bounds of a page of List.
const (
	DefaultPage = 50
	MaxPage     = 200
)

// indexTime is the length of the creation time in an index member: milliseconds in 16 hex digits, so that members sort by
// age as text.
const indexTime = 16

// indexMember names a clip in its tenant's index.
func indexMember(clip avanak.Clip) string {
	return fmt.Sprintf("%0*x%s", indexTime, clip.Created.UnixMilli(), clip.ID)
}

// memberID returns the clip id of an index member; ok is false where s is none.
func memberID(s string) (id string, ok bool) {
	if len(s) < indexTime {
		return "", false
	}
	if _, err := hex.DecodeString(s[:indexTime]); err != nil {
		return "", false
	}
	return s[indexTime:], avanak.ValidID(avanak.ClipPrefix, s[indexTime:])
}

// List returns a page of a tenant's clips, newest first, and the cursor of the next page: "" after the last one. The first
// page has the cursor "". Pages are stable: clips added meanwhile do not shift them. A limit of 0 means DefaultPage; one
// above MaxPage, or a cursor that List did not return, gives avanak.ErrInvalid.
func (c *Clips) List(ctx context.Context, tenant, cursor string, limit int) (clips []avanak.Clip, next string, err error) {
	if limit == 0 {
		limit = DefaultPage
	}
	below := "+" // the highest bound of ZREVRANGEBYLEX
	if cursor != "" {
		below = "(" + cursor
	}
	if _, ok := memberID(cursor); limit < 1 || limit > MaxPage || !validTenant(tenant) || (cursor != "" && !ok) {
		return nil, "", fmt.Errorf("list clips: %w: limit must be 1 to %d, cursor one of an earlier page", avanak.ErrInvalid,
			MaxPage)
	}
	// One more than asked for tells whether a page follows.
	members, err := c.rdb.ZRevRangeByLex(ctx, clipIndexKey(tenant),
		&redis.ZRangeBy{Min: "-", Max: below, Count: int64(limit) + 1}).Result()
	if err != nil {
		return nil, "", redisFault("list clips", err)
	}
	if len(members) > limit {
		members = members[:limit]
		next = members[limit-1]
	}
	if clips, err = c.listed(ctx, tenant, members); err != nil {
		return nil, "", err
	}
	return clips, next, nil
}

// listed reads the records of index members, in their order.
func (c *Clips) listed(ctx context.Context, tenant string, members []string) ([]avanak.Clip, error) {
	if len(members) == 0 {
		return nil, nil
	}
	keys, ids := make([]string, len(members)), make([]string, len(members))
	for i, m := range members {
		id, ok := memberID(m)
		if !ok {
			return nil, fmt.Errorf("list clips: index of tenant %s holds %q", tenant, m)
		}
		keys[i], ids[i] = clipKey(id), id
	}
	texts, err := c.rdb.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, redisFault("list clips", err)
	}
	clips := make([]avanak.Clip, 0, len(texts))
	for i, t := range texts {
		text, ok := t.(string)
		if !ok {
			continue // the record was removed between the two reads
		}
		rec, err := decodeClip(ids[i], text)
		if err != nil {
			return nil, fmt.Errorf("list clips: %w", err)
		}
		clips = append(clips, rec.Clip)
	}
	return clips, nil
}
