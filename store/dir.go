package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/avanak/avanak"
)

// tempDir holds streams that are being written. Blob keys cannot name it: no segment starts with a dot.
const tempDir = ".tmp"

// tempAge is the age from which an unfinished stream is left over from a crash. It is far above the time of any upload, as
// other nodes may write into the same directory.
const tempAge = 24 * time.Hour

// Dir is Blobs in a directory: local, or a mount that several nodes share. Nothing outside of it is ever touched, not even
// through symbolic links inside (os.Root).
type Dir struct {
	root *os.Root
}

var _ Blobs = (*Dir)(nil)

// OpenDir opens the directory, makes it (mode 0700) where it is missing, and removes streams that a crash left unfinished
// a day ago or earlier.
func OpenDir(name string) (*Dir, error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, diskFault("make blob directory", err)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, diskFault("open blob directory", err)
	}
	d := &Dir{root: root}
	if err := d.sweep(time.Now().Add(-tempAge)); err != nil {
		_ = root.Close()
		return nil, diskFault("sweep blob directory", err)
	}
	return d, nil
}

// Close lets go of the directory. Streams that are open stay readable.
func (d *Dir) Close() error { return d.root.Close() }

// sweep removes unfinished streams that are older than the limit.
func (d *Dir) sweep(limit time.Time) error {
	if err := d.root.Mkdir(tempDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	left, err := fs.ReadDir(d.root.FS(), tempDir)
	if err != nil {
		return err
	}
	for _, entry := range left {
		at, err := entry.Info()
		if err != nil || at.ModTime().After(limit) {
			continue // an entry that is gone was finished by its writer
		}
		if err := d.root.Remove(path.Join(tempDir, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Put implements Blobs: it writes a temporary file, syncs it, renames it into place, and syncs the directories above.
func (d *Dir) Put(ctx context.Context, key string, r io.Reader) error {
	if err := checkBlobKey(key); err != nil {
		return fmt.Errorf("put blob: %w", err)
	}
	temp := path.Join(tempDir, rand.Text())
	f, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return diskFault("put blob "+key, err)
	}
	err = fill(ctx, f, r)
	if err == nil {
		err = d.place(temp, key)
	}
	if err != nil {
		_ = d.root.Remove(temp) // the first error is the one to tell; sweep takes what stays
		return fmt.Errorf("put blob %s: %w", key, err)
	}
	return nil
}

// fill copies r into f, makes it durable, and closes f in any case. The copy ends with ctx.
func fill(ctx context.Context, f *os.File, r io.Reader) error {
	var broken error // the source's fault, or the end of ctx, to tell it from those of the disk
	_, err := io.Copy(f, readerFunc(func(p []byte) (int, error) {
		if broken = ctx.Err(); broken != nil {
			return 0, broken
		}
		n, err := r.Read(p)
		if err != nil && !errors.Is(err, io.EOF) {
			broken = err
		}
		return n, err
	}))
	err = syncAndClose(f, err)
	switch {
	case broken != nil:
		return fmt.Errorf("read source: %w", broken)
	case err != nil:
		return diskFault("write", err)
	}
	return nil
}

// place renames a finished stream to its key and makes the new names durable, from the stream up to the root.
func (d *Dir) place(temp, key string) error {
	folder := path.Dir(key)
	if err := d.root.MkdirAll(folder, 0o700); err != nil {
		return diskFault("make folder", err)
	}
	if err := d.root.Rename(temp, key); err != nil {
		return diskFault("rename", err)
	}
	for {
		if err := d.syncFolder(folder); err != nil {
			return diskFault("sync folder", err)
		}
		if folder == "." {
			return nil
		}
		folder = path.Dir(folder)
	}
}

func (d *Dir) syncFolder(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return syncAndClose(f, nil)
}

// Open implements Blobs.
func (d *Dir) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := checkBlobKey(key); err != nil {
		return nil, fmt.Errorf("open blob: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open blob %s: %w", key, err)
	}
	at, err := d.root.Stat(key)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && at.IsDir():
		return nil, fmt.Errorf("open blob %s: %w", key, avanak.ErrNotFound)
	case err != nil:
		return nil, diskFault("open blob "+key, err)
	case !at.Mode().IsRegular(): // opening a pipe would wait for its writer
		return nil, fmt.Errorf("open blob %s: %w: not a regular file", key, avanak.ErrInvalid)
	}
	f, err := d.root.Open(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open blob %s: %w", key, avanak.ErrNotFound)
	}
	if err != nil {
		return nil, diskFault("open blob "+key, err)
	}
	return f, nil
}

// Delete implements Blobs.
func (d *Dir) Delete(ctx context.Context, key string) error {
	if err := checkBlobKey(key); err != nil {
		return fmt.Errorf("delete blob: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("delete blob %s: %w", key, err)
	}
	if err := d.root.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskFault("delete blob "+key, err)
	}
	return nil
}

// diskFault adds the operation and avanak.ErrUnavailable to an error of the storage: a full, broken, read-only or vanished
// disk may be in order later.
func diskFault(op string, err error) error {
	return fmt.Errorf("%s: %w: %w", op, avanak.ErrUnavailable, err)
}

// syncAndClose makes a file or directory durable where err, that of writing it, is nil, closes it in any case, and returns
// the first error.
func syncAndClose(f *os.File, err error) error {
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// readerFunc is a function as an io.Reader.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
