package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
)

// The operator's own key: who installed the gateway may do everything.
const (
	OperatorTenant = "operator"
	ScopeOperator  = "operator"
)

// EnsureOperator makes sure that the file holds a valid operator key, and tells whether it wrote a new one. A file whose key
// verifies is kept. Otherwise (no file, a revoked or unknown key, a file that others than owner and group may read) it mints
// a key, replaces the file (mode 0600 from its first instant) and revokes the key that this file held before, also where the
// file itself was deleted. While Redis is away nothing changes and the error wraps avanak.ErrUnavailable.
//
// One process at a time may do this for one file.
func (k *Keys) EnsureOperator(ctx context.Context, path string) (file string, fresh bool, err error) {
	file, err = filepath.Abs(path)
	if err != nil {
		return "", false, fmt.Errorf("operator key: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return "", false, fmt.Errorf("operator key: %w", err)
	}
	// Nodes that share a Redis have files of the same path, each with a key of its own.
	holder := host + ":" + file
	held, err := readKeyFile(file)
	if err != nil {
		return "", false, fmt.Errorf("operator key: %w", err)
	}
	p, err := k.Verify(ctx, held)
	switch {
	case err == nil && p.Tenant == OperatorTenant && p.Has(ScopeOperator):
		return file, false, k.adopt(ctx, holder, p.KeyID)
	case err != nil && !errors.Is(err, ErrKey):
		return "", false, fmt.Errorf("operator key: %w", err)
	}
	presented, key, err := k.Mint(ctx, OperatorTenant, "operator key of "+host, []string{ScopeOperator})
	if err != nil {
		return "", false, fmt.Errorf("operator key: %w", err)
	}
	if err := writeKeyFile(file, presented); err != nil {
		revoked := k.Revoke(ctx, OperatorTenant, key.ID)
		return "", false, fmt.Errorf("operator key: %w", errors.Join(err, revoked))
	}
	return file, true, k.adopt(ctx, holder, key.ID)
}

// adopt notes which key the file holds, and revokes the one that it held before.
func (k *Keys) adopt(ctx context.Context, holder, id string) error {
	before, err := k.rdb.HGet(ctx, operatorKey, holder).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return redisFault("operator key", err)
	}
	if before == id {
		return nil
	}
	// Revoke first: a crash between the two steps repeats the first, and never leaves the old key alive.
	if before != "" {
		if err := k.Revoke(ctx, OperatorTenant, before); err != nil && !errors.Is(err, avanak.ErrNotFound) {
			return fmt.Errorf("operator key: %w", err)
		}
	}
	if err := k.rdb.HSet(ctx, operatorKey, holder, id).Err(); err != nil {
		return redisFault("operator key", err)
	}
	return nil
}

// readKeyFile returns the key that the file holds; "" where there is no file, or one that anybody may read and that is no
// secret any more.
func readKeyFile(file string) (string, error) {
	at, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", diskFault("read key file", err)
	}
	if !at.Mode().IsRegular() {
		return "", fmt.Errorf("%w: %s is not a regular file", avanak.ErrInvalid, file)
	}
	if at.Mode().Perm()&0o007 != 0 {
		return "", nil
	}
	f, err := os.Open(file) //nolint:gosec // the path is the operator's
	if err != nil {
		return "", diskFault("read key file", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(4*presentedLen)))
	_ = f.Close() // nothing was written
	if err != nil {
		return "", diskFault("read key file", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// writeKeyFile replaces the file in one step. os.CreateTemp makes files of mode 0600.
func writeKeyFile(file, presented string) error {
	folder := filepath.Dir(file)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return diskFault("write key file", err)
	}
	f, err := os.CreateTemp(folder, ".operator-*")
	if err != nil {
		return diskFault("write key file", err)
	}
	_, err = f.WriteString(presented + "\n")
	if err = syncAndClose(f, err); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one to tell
		return diskFault("write key file", err)
	}
	return syncDir(folder)
}

// syncDir makes the names in a directory durable.
func syncDir(name string) error {
	f, err := os.Open(name) //nolint:gosec // the path is the operator's
	if err != nil {
		return diskFault("sync directory", err)
	}
	if err := syncAndClose(f, nil); err != nil {
		return diskFault("sync directory", err)
	}
	return nil
}
