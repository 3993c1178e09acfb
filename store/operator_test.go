package store

import (
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
		spoil  func(t *testing.T, k *Keys, file, key string)
		fresh  bool // a new key is due
		revoke bool // and the old one must be dead
	}{
		{"valid key is kept", func(*testing.T, *Keys, string, string) {}, false, false},
		{"file was deleted", func(t *testing.T, _ *Keys, file, _ string) {
			require.NoError(t, os.Remove(file))
		}, true, true},
		{"file was damaged", func(t *testing.T, _ *Keys, file, key string) {
			require.NoError(t, os.WriteFile(file, []byte(key[1:]), 0o600))
		}, true, true},
		{"anybody may read the file", func(t *testing.T, _ *Keys, file, _ string) {
			require.NoError(t, os.Chmod(file, 0o644)) //nolint:gosec // what is refused
		}, true, true},
		{"key was revoked", func(t *testing.T, k *Keys, _, key string) {
			p, err := k.Verify(t.Context(), key)
			require.NoError(t, err)
			require.NoError(t, k.Revoke(t.Context(), OperatorTenant, p.KeyID))
		}, true, true},
		{"key of a tenant", func(t *testing.T, k *Keys, file, _ string) {
			other, _, err := k.Mint(t.Context(), "acme", "n", []string{ScopeOperator})
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, []byte(other), 0o600))
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

				tt.spoil(t, k, file, old)
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
