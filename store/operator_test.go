package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/redistest"
)

// keyIn reads the operator key in a file, and checks that only its owner can.
func keyIn(t *testing.T, file string) string {
	t.Helper()
	at, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), at.Mode().Perm())
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.TrimSpace(string(b))
}

func TestEnsureOperator(t *testing.T) {
	for _, tt := range []struct {
		name   string
		spoil  func(ctx context.Context, k *Keys, file, key string) error
		fresh  bool // a new key is due
		revoke bool // and the old one must be dead
	}{
		{"valid key is kept", func(context.Context, *Keys, string, string) error { return nil }, false, false},
		{"file was deleted", func(_ context.Context, _ *Keys, file, _ string) error { return os.Remove(file) }, true, true},
		{"file was damaged", func(_ context.Context, _ *Keys, file, key string) error {
			return os.WriteFile(file, []byte(key[1:]), 0o600)
		}, true, true},
		{"anybody may read the file", func(_ context.Context, _ *Keys, file, _ string) error {
			return os.Chmod(file, 0o644) //nolint:gosec // what is refused
		}, true, true},
		{"key was revoked", func(ctx context.Context, k *Keys, _, key string) error {
			p, err := k.Verify(ctx, key)
			return errors.Join(err, k.Revoke(ctx, OperatorTenant, p.KeyID))
		}, true, true},
		{"key of a tenant", func(ctx context.Context, k *Keys, file, _ string) error {
			other, _, err := k.Mint(ctx, "acme", "n", []string{ScopeOperator})
			return errors.Join(err, os.WriteFile(file, []byte(other), 0o600))
		}, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
				ctx, k := t.Context(), newKeys(t, rdb)
				path := filepath.Join(t.TempDir(), "etc", "operator.key")
				file, fresh, err := k.EnsureOperator(ctx, path)
				require.NoError(t, err)
				require.True(t, fresh)
				require.Equal(t, path, file)
				old := keyIn(t, file)
				p, err := k.Verify(ctx, old)
				require.NoError(t, err)
				require.True(t, p.Tenant == OperatorTenant && p.Has(ScopeOperator))

				require.NoError(t, tt.spoil(ctx, k, file, old))
				k = newKeys(t, rdb) // the next start
				_, fresh, err = k.EnsureOperator(ctx, path)
				require.NoError(t, err)
				require.Equal(t, tt.fresh, fresh)
				_, err = k.Verify(ctx, keyIn(t, file))
				require.NoError(t, err)
				_, err = k.Verify(ctx, old)
				require.Equal(t, tt.revoke, err != nil)
				left, err := os.ReadDir(filepath.Dir(path))
				require.NoError(t, err)
				require.Len(t, left, 1)
			})
		})
	}
}

func TestEnsureOperatorChangesNothingWhileRedisIsAway(t *testing.T) {
	s := redistest.Start(t, redistest.WithAOF("always"))
	opts := s.Options()
	opts.MaxRetries, opts.DialerRetries = -1, 1
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { _ = rdb.Close() })
	path := filepath.Join(t.TempDir(), "operator.key")
	_, _, err := newKeys(t, rdb).EnsureOperator(t.Context(), path)
	require.NoError(t, err)
	key := keyIn(t, path)
	s.Kill()
	_, _, err = newKeys(t, rdb).EnsureOperator(t.Context(), path)
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	require.Equal(t, key, keyIn(t, path))
	s.Restart()
	_, fresh, err := newKeys(t, rdb).EnsureOperator(t.Context(), path)
	require.NoError(t, err)
	require.False(t, fresh)
}

func TestEnsureOperatorRefusesALink(t *testing.T) {
	k := newKeys(t, redistest.Start(t).Client())
	path := filepath.Join(t.TempDir(), "operator.key")
	require.NoError(t, os.Symlink("/etc/passwd", path))
	_, _, err := k.EnsureOperator(t.Context(), path)
	require.ErrorIs(t, err, avanak.ErrInvalid)
}

func TestEnsureOperatorMintsNothingThatItCannotHandOver(t *testing.T) {
	rdb := redistest.Start(t).Client()
	blocked := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	_, _, err := newKeys(t, rdb).EnsureOperator(t.Context(), filepath.Join(blocked, "operator.key"))
	require.Error(t, err)
	n, err := rdb.DBSize(t.Context()).Result()
	require.NoError(t, err)
	require.Zero(t, n)
}
