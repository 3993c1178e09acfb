package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/redistest"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// newClip returns the record of a clip that is not stored yet.
func newClip(tenant string, created time.Time) avanak.Clip {
	return avanak.Clip{ID: avanak.NewID(avanak.ClipPrefix, created), Tenant: tenant, Name: "سلام", Duration: 30 * time.Millisecond,
		Created: created}
}

// frames returns n frames whose bytes tell the laws apart.
func frames(n int) avanak.Frames {
	return avanak.Frames{ALaw: bytes.Repeat([]byte{0xd5}, n*avanak.FrameBytes), ULaw: bytes.Repeat([]byte{0xff}, n*avanak.FrameBytes)}
}

func newClips(t *testing.T, rdb redis.UniversalClient) (*Clips, string) {
	t.Helper()
	d, name := openDir(t)
	c, err := NewClips(Config{}, rdb, d)
	require.NoError(t, err)
	return c, name
}

// files returns the names of all blobs.
func files(t *testing.T, name string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(name, "clips", "*"))
	require.NoError(t, err)
	return found
}

func TestClips(t *testing.T) {
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
		ctx := t.Context()
		c, _ := newClips(t, rdb)
		clip := newClip("acme", noon)
		added, err := c.Add(ctx, clip, strings.NewReader("original"), frames(2))
		require.NoError(t, err)
		sum := sha256.Sum256([]byte("original"))
		clip.Size, clip.SHA256 = 8, hex.EncodeToString(sum[:])
		require.Equal(t, clip, added)

		got, err := c.Get(ctx, "acme", clip.ID)
		require.NoError(t, err)
		require.Equal(t, clip, got)
		_, err = c.Get(ctx, "rival", clip.ID)
		require.ErrorIs(t, err, avanak.ErrNotFound)
		_, err = c.Original(ctx, "rival", clip.ID)
		require.ErrorIs(t, err, avanak.ErrNotFound)
		for _, id := range []string{"", "x", "by:acme", avanak.NewID(avanak.ClipPrefix, noon)} {
			_, err = c.Get(ctx, "acme", id)
			require.ErrorIs(t, err, avanak.ErrNotFound)
			_, err = c.Frames(ctx, id)
			require.ErrorIs(t, err, avanak.ErrNotFound)
		}
		r, err := c.Original(ctx, "acme", clip.ID)
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, "original", string(text))
		f, err := c.Frames(ctx, clip.ID)
		require.NoError(t, err)
		require.Equal(t, frames(2), f)
	})
}

func TestAddRefusesBadClips(t *testing.T) {
	c, name := newClips(t, redistest.Start(t).Client())
	for _, tt := range []struct {
		name   string
		change func(clip *avanak.Clip, f *avanak.Frames)
	}{
		{"no id", func(clip *avanak.Clip, _ *avanak.Frames) { clip.ID = "" }},
		{"path as id", func(clip *avanak.Clip, _ *avanak.Frames) { clip.ID = "clp_../../../../../etc/passwd0" }},
		{"no tenant", func(clip *avanak.Clip, _ *avanak.Frames) { clip.Tenant = "" }},
		{"tenant with braces", func(clip *avanak.Clip, _ *avanak.Frames) { clip.Tenant = "{meta}" }},
		{"no time", func(clip *avanak.Clip, _ *avanak.Frames) { clip.Created = time.Time{} }},
		{"other upload", func(clip *avanak.Clip, _ *avanak.Frames) { clip.SHA256 = strings.Repeat("0", 64) }},
		{"no frames", func(_ *avanak.Clip, f *avanak.Frames) { *f = avanak.Frames{} }},
		{"half a frame", func(_ *avanak.Clip, f *avanak.Frames) { f.ALaw, f.ULaw = f.ALaw[:100], f.ULaw[:100] }},
		{"unequal laws", func(_ *avanak.Clip, f *avanak.Frames) { f.ULaw = f.ULaw[:avanak.FrameBytes] }},
		{"too long", func(_ *avanak.Clip, f *avanak.Frames) { *f = frames(maxLaw/avanak.FrameBytes + 1) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clip, f := newClip("acme", noon), frames(2)
			tt.change(&clip, &f)
			_, err := c.Add(t.Context(), clip, strings.NewReader("x"), f)
			require.ErrorIs(t, err, avanak.ErrInvalid)
			require.Empty(t, files(t, name))
		})
	}
}

func TestAddLeavesNothingHalfMade(t *testing.T) {
	rdb := redistest.Start(t).Client()
	c, name := newClips(t, rdb)
	torn := errors.New("torn")
	clip := newClip("acme", noon)
	_, err := c.Add(t.Context(), clip, iotest.ErrReader(torn), frames(2))
	require.ErrorIs(t, err, torn)
	_, err = c.Get(t.Context(), "acme", clip.ID)
	require.ErrorIs(t, err, avanak.ErrNotFound)
	require.Empty(t, files(t, name))
	n, err := rdb.DBSize(t.Context()).Result()
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestAddDoesNotReplace(t *testing.T) {
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
		c, name := newClips(t, rdb)
		clip := newClip("acme", noon)
		var adders sync.WaitGroup
		var won atomic.Int32
		for i := range 8 {
			adders.Go(func() {
				_, err := c.Add(t.Context(), clip, strings.NewReader(fmt.Sprint(i)), frames(i+1))
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, avanak.ErrConflict) {
					t.Error(err)
				}
			})
		}
		adders.Wait()
		require.EqualValues(t, 1, won.Load())
		require.Len(t, files(t, name), 2) // the winner's
		r, err := c.Original(t.Context(), "acme", clip.ID)
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		f, err := c.Frames(t.Context(), clip.ID)
		require.NoError(t, err)
		require.Equal(t, string(text), fmt.Sprint(f.Count()-1), "original and frames are of one request")
		clips, _, err := c.List(t.Context(), "acme", "", 0)
		require.NoError(t, err)
		require.Len(t, clips, 1)
	})
}

func TestAddIsRepeatableAfterALostReply(t *testing.T) {
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
		clip := newClip("acme", noon)
		keys := []string{clipKey(clip.ID), clipIndexKey("acme")}
		for range 2 { // what go-redis does by itself
			n, err := addClip.Run(t.Context(), rdb, keys, "record", indexMember(clip)).Int()
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}
		n, err := addClip.Run(t.Context(), rdb, keys, "other record", indexMember(clip)).Int()
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

func TestList(t *testing.T) {
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
		ctx := t.Context()
		c, _ := newClips(t, rdb)
		add := func(tenant string, at time.Time) string {
			clip := newClip(tenant, at)
			_, err := c.Add(ctx, clip, strings.NewReader("x"), frames(1))
			require.NoError(t, err)
			return clip.ID
		}
		clips, next, err := c.List(ctx, "acme", "", 0)
		require.NoError(t, err)
		require.Empty(t, clips)
		require.Empty(t, next)

		var want []string
		for i := range 5 {
			want = append([]string{add("acme", noon.Add(time.Duration(i)*time.Second))}, want...)
			add("rival", noon)
		}
		var got []string
		cursor, pages := "", 0
		for {
			page, next, err := c.List(ctx, "acme", cursor, 2)
			require.NoError(t, err)
			for _, clip := range page {
				got = append(got, clip.ID)
			}
			pages++
			add("acme", noon.Add(time.Hour)) // a newer one must not shift the pages
			if cursor = next; cursor == "" {
				break
			}
		}
		require.Equal(t, want, got)
		require.Equal(t, 3, pages)

		for _, bad := range []struct {
			tenant, cursor string
			limit          int
		}{{"acme", "x", 1}, {"acme", "zzzzzzzzzzzzzzzz" + want[0], 1}, {"acme", "", -1}, {"acme", "", MaxPage + 1}, {"a b", "", 1}} {
			_, _, err := c.List(ctx, bad.tenant, bad.cursor, bad.limit)
			require.ErrorIs(t, err, avanak.ErrInvalid)
		}
	})
}

// slowBlobs counts loads and holds them until they are released.
type slowBlobs struct {
	Blobs
	opened  atomic.Int32
	release chan struct{}
}

func (b *slowBlobs) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	b.opened.Add(1)
	<-b.release
	return b.Blobs.Open(ctx, key)
}

func TestFramesLoadOnceForAll(t *testing.T) {
	d, _ := openDir(t)
	blobs := &slowBlobs{Blobs: d, release: make(chan struct{})}
	c, err := NewClips(Config{}, redistest.Start(t).Client(), blobs)
	require.NoError(t, err)
	clip, err := c.Add(t.Context(), newClip("acme", noon), strings.NewReader("x"), frames(3))
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	callers.Go(func() { // starts the load, and goes away: the others must not suffer
		if _, err := c.Frames(ctx, clip.ID); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	require.Eventually(t, func() bool { return blobs.opened.Load() == 1 }, 60*time.Second, time.Millisecond)
	for range 10 {
		callers.Go(func() {
			f, err := c.Frames(t.Context(), clip.ID)
			if err != nil || f.Count() != 3 {
				t.Error(f.Count(), err)
			}
		})
	}
	cancel()
	close(blobs.release)
	callers.Wait()
	require.EqualValues(t, 1, blobs.opened.Load())
	_, err = c.Frames(t.Context(), clip.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, blobs.opened.Load(), "from memory")
}

func TestDamagedFramesAreAnError(t *testing.T) {
	c, name := newClips(t, redistest.Start(t).Client())
	clip, err := c.Add(t.Context(), newClip("acme", noon), strings.NewReader("x"), frames(1))
	require.NoError(t, err)
	found, err := filepath.Glob(filepath.Join(name, "clips", "*.frames"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	b, err := os.ReadFile(found[0])
	require.NoError(t, err)
	b[len(b)/2] ^= 1
	require.NoError(t, os.WriteFile(found[0], b, 0o600))
	_, err = c.Frames(t.Context(), clip.ID)
	require.ErrorContains(t, err, "file is damaged")
	require.NoError(t, os.Remove(found[0]))
	_, err = c.Frames(t.Context(), clip.ID)
	require.ErrorIs(t, err, avanak.ErrNotFound)
}

func TestConfigRefusesNonsense(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	for _, cfg := range []Config{{FrameCache: -1}, {KeyCache: -1}, {KeyCache: MaxKeyCache + 1}} {
		_, err := NewClips(cfg, nil, nil)
		require.ErrorIs(t, err, avanak.ErrInvalid)
		_, err = NewKeys(cfg, nil)
		require.ErrorIs(t, err, avanak.ErrInvalid)
	}
}
