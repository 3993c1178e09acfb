package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func openDir(t *testing.T) (*Dir, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "blobs")
	d, err := OpenDir(name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d, name
}

func read(t *testing.T, b Blobs, key string) string {
	t.Helper()
	r, err := b.Open(t.Context(), key)
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return string(text)
}

func TestDirKeepsBlobs(t *testing.T) {
	d, name := openDir(t)
	ctx := t.Context()
	_, err := d.Open(ctx, "a/b/c")
	require.ErrorIs(t, err, avanak.ErrNotFound)
	require.NoError(t, d.Put(ctx, "a/b/c", strings.NewReader("one")))
	require.Equal(t, "one", read(t, d, "a/b/c"))
	require.NoError(t, d.Put(ctx, "a/b/c", strings.NewReader("two")))
	require.Equal(t, "two", read(t, d, "a/b/c"))
	_, err = d.Open(ctx, "a/b") // a folder
	require.ErrorIs(t, err, avanak.ErrNotFound)
	require.NoError(t, d.Delete(ctx, "a/b/c"))
	require.NoError(t, d.Delete(ctx, "a/b/c"))
	_, err = d.Open(ctx, "a/b/c")
	require.ErrorIs(t, err, avanak.ErrNotFound)

	require.NoError(t, d.Put(ctx, "k", strings.NewReader("")))
	for path, want := range map[string]fs.FileMode{name: 0o700, filepath.Join(name, "a"): 0o700, filepath.Join(name, "k"): 0o600} {
		at, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, want, at.Mode().Perm())
	}
	requireNoLeftovers(t, name)
}

// requireNoLeftovers checks that no unfinished stream stays.
func requireNoLeftovers(t *testing.T, name string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Join(name, tempDir))
	require.NoError(t, err)
	require.Empty(t, left)
}

var hostileKeys = []string{"", "/", ".", "..", "../x", "a/../b", "a/..", "/etc/passwd", "a//b", "a/", "./a", "a/./b", ".tmp/x", ".hidden",
	"a/.b", "A", "a b", "a\x00b", "a\nb", "a\\b", "..\\x", "é", "%2e%2e/x", "a/b/c/d/e", "~", "c:x", "a*", "-\x7f",
	strings.Repeat("a", maxBlobSegment+1), strings.Repeat("a/", 5000)}

func TestDirRefusesHostileKeys(t *testing.T) {
	d, name := openDir(t)
	outside := filepath.Join(filepath.Dir(name), "x")
	require.NoError(t, os.WriteFile(outside, []byte("theirs"), 0o600))
	for _, key := range hostileKeys {
		require.ErrorIs(t, d.Put(t.Context(), key, strings.NewReader("ours")), avanak.ErrInvalid, "%q", key)
		_, err := d.Open(t.Context(), key)
		require.ErrorIs(t, err, avanak.ErrInvalid, "%q", key)
		require.ErrorIs(t, d.Delete(t.Context(), key), avanak.ErrInvalid, "%q", key)
	}
	text, err := os.ReadFile(outside)
	require.NoError(t, err)
	require.Equal(t, "theirs", string(text))
	requireNoLeftovers(t, name)
}

func TestDirDoesNotFollowLinksOutside(t *testing.T) {
	d, name := openDir(t)
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("theirs"), 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(name, "folder")))
	require.NoError(t, os.Symlink(secret, filepath.Join(name, "file")))
	for _, key := range []string{"folder/secret", "file"} {
		_, err := d.Open(t.Context(), key)
		require.Error(t, err)
	}
	require.Error(t, d.Put(t.Context(), "folder/new", strings.NewReader("ours")))
	require.Error(t, d.Delete(t.Context(), "folder/secret"))
	require.NoFileExists(t, filepath.Join(outside, "new"))
	require.NoError(t, d.Put(t.Context(), "file", strings.NewReader("ours"))) // replaces the link, not what it names
	text, err := os.ReadFile(secret)
	require.NoError(t, err)
	require.Equal(t, "theirs", string(text))
}

func TestDirDoesNotWaitForAPipe(t *testing.T) {
	d, name := openDir(t)
	require.NoError(t, syscall.Mkfifo(filepath.Join(name, "pipe"), 0o600))
	_, err := d.Open(t.Context(), "pipe")
	require.ErrorIs(t, err, avanak.ErrInvalid)
}

func TestDirKeepsTheOldBlobWhereTheNewOneFails(t *testing.T) {
	d, name := openDir(t)
	require.NoError(t, d.Put(t.Context(), "k", strings.NewReader("old")))
	torn := errors.New("torn")
	err := d.Put(t.Context(), "k", io.MultiReader(strings.NewReader("ne"), iotest.ErrReader(torn)))
	require.ErrorIs(t, err, torn)
	require.NotErrorIs(t, err, avanak.ErrUnavailable) // it is the sender's fault

	ctx, cancel := context.WithCancel(t.Context())
	err = d.Put(ctx, "k", readerFunc(func(p []byte) (int, error) { cancel(); return copy(p, "new"), nil }))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "old", read(t, d, "k"))
	requireNoLeftovers(t, name)
}

func TestFullDiskIsUnavailable(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	err = fill(t.Context(), full, strings.NewReader("x"))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorIs(t, err, avanak.ErrUnavailable)
}

func TestDirSweepsOldLeftovers(t *testing.T) {
	_, name := openDir(t)
	old, young := filepath.Join(name, tempDir, "old"), filepath.Join(name, tempDir, "young")
	for _, file := range []string{old, young} {
		require.NoError(t, os.WriteFile(file, nil, 0o600))
	}
	long := time.Now().Add(-2 * tempAge)
	require.NoError(t, os.Chtimes(old, long, long))
	again, err := OpenDir(name)
	require.NoError(t, err)
	require.NoError(t, again.Close())
	require.NoFileExists(t, old)
	require.FileExists(t, young) // another node may be writing it
}

func TestDirReadersNeverSeeHalfABlob(t *testing.T) {
	d, _ := openDir(t)
	texts := []string{strings.Repeat("a", 100_000), strings.Repeat("b", 100_000)}
	require.NoError(t, d.Put(t.Context(), "k", strings.NewReader(texts[0])))
	var writers sync.WaitGroup
	for _, text := range texts {
		writers.Go(func() {
			for range 20 {
				if err := d.Put(t.Context(), "k", strings.NewReader(text)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 100 {
		require.Contains(t, texts, read(t, d, "k"))
	}
	writers.Wait()
}

func FuzzBlobKey(f *testing.F) {
	for _, key := range append(hostileKeys, "a", "clips/clp_0.frames", "a/b/c/d") {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if checkBlobKey(key) != nil {
			return
		}
		require.True(t, filepath.IsLocal(key))
		require.Equal(t, filepath.Clean(key), key)
		require.True(t, fs.ValidPath(key))
		require.False(t, strings.HasPrefix(key, "."))
	})
}
