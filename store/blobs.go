package store

import (
	"context"
	"fmt"
	"io"

	"github.com/avanak/avanak"
)

// Blobs keeps byte streams under keys: clips, recordings, exports. Implementations: Dir.
//
// A key is one to four segments joined by slashes; a segment is 1 to 100 of a-z, 0-9, dot, dash and underscore and does not
// start with a dot. Any other key is refused with an error that wraps avanak.ErrInvalid.
type Blobs interface {
	// Put stores all of r under the key, replacing what was there: readers see the old stream or the whole new one, and
	// when Put returns nil, it survives a power cut. An error of the storage (full disk) wraps avanak.ErrUnavailable; an
	// error of r is returned wrapped; both leave the key as it was.
	Put(ctx context.Context, key string, r io.Reader) error
	// Open returns the stream for reading; the caller closes it. A key that holds nothing gives avanak.ErrNotFound.
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	// Delete removes the key; one that holds nothing is no error.
	Delete(ctx context.Context, key string) error
}

// Bounds of blob keys.
const (
	maxBlobSegments = 4
	maxBlobSegment  = 100
)

// checkBlobKey refuses every key that is not plainly a relative path of harmless names.
func checkBlobKey(key string) error {
	segments, length := 1, 0
	for i := range len(key) {
		c := key[i]
		switch {
		case c == '/':
			if length == 0 {
				return fmt.Errorf("%w blob key: empty segment", avanak.ErrInvalid)
			}
			segments, length = segments+1, 0
			continue
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_', c == '.' && length > 0:
			length++
		default:
			return fmt.Errorf("%w blob key: byte %d is not allowed", avanak.ErrInvalid, i)
		}
		if length > maxBlobSegment {
			return fmt.Errorf("%w blob key: segment is longer than %d", avanak.ErrInvalid, maxBlobSegment)
		}
	}
	if length == 0 || segments > maxBlobSegments {
		return fmt.Errorf("%w blob key: must have 1 to %d segments", avanak.ErrInvalid, maxBlobSegments)
	}
	return nil
}
