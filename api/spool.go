package api

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/avanak/avanak"
)

// spool is an upload on its way to the store: a file that only this process can reach. It has no name, so that the system
// frees its space when it is closed, and also when the process is killed.
type spool struct{ file *os.File }

// newSpool returns an empty spool in dir. The error of a disk that does not serve wraps avanak.ErrUnavailable.
func newSpool(dir string) (*spool, error) {
	file, err := os.CreateTemp(dir, "avanak-clip-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("spool: %w: %w", avanak.ErrUnavailable, err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("spool: %w: %w", avanak.ErrUnavailable, err), file.Close())
	}
	return &spool{file: file}, nil
}

// fill takes in all of r. An error of r comes back wrapped; one of the disk wraps avanak.ErrUnavailable.
func (s *spool) fill(r io.Reader) error {
	_, err := io.Copy(diskWriter{s.file}, r)
	if err != nil {
		return fmt.Errorf("receive upload: %w", err)
	}
	return nil
}

// start returns a reader of the whole upload; it ends the reader that an earlier call gave.
func (s *spool) start() (io.Reader, error) {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read spool: %w: %w", avanak.ErrUnavailable, err)
	}
	return s.file, nil
}

// close frees the space.
func (s *spool) close() { _ = s.file.Close() } // what it held is stored, or not wanted

// diskWriter tells the disk's errors from the client's.
type diskWriter struct{ file *os.File }

func (d diskWriter) Write(p []byte) (int, error) {
	n, err := d.file.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", avanak.ErrUnavailable, err)
	}
	return n, err
}
