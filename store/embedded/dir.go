package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/avanak/avanak"
)

// maxSocketPath is the longest path of a unix socket: sun_path has 108 bytes with the closing zero (unix(7)).
const maxSocketPath = 107

// prepareDir makes the directory, or checks that nobody else can look into it, and returns its absolute path. It does not
// change the mode of a directory that it has not made: the name may be a mistake.
func prepareDir(name string) (string, error) {
	dir, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("directory of the store: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("directory of the store: %w", err)
	}
	at, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("directory of the store: %w", err)
	}
	if at.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("directory of the store: %w: %s has mode %#o, others could read numbers and keys: chmod 700 it, "+
			"or name a directory that does not exist yet", avanak.ErrInvalid, dir, at.Mode().Perm())
	}
	return dir, nil
}

// socketPath returns where the socket of a server in dir goes, and the private directory that was made for it, "" where dir
// itself will do.
func socketPath(dir string) (socket, private string, err error) {
	socket = filepath.Join(dir, "redis.sock")
	if len(socket) <= maxSocketPath {
		return socket, "", nil
	}
	for _, base := range []string{os.TempDir(), "/tmp"} {
		// Mode 0700, and a name that nobody can have taken before.
		private, err = os.MkdirTemp(base, "avanak-")
		if err != nil {
			continue
		}
		socket = filepath.Join(private, "redis.sock")
		if len(socket) <= maxSocketPath {
			return socket, private, nil
		}
		_ = os.Remove(private) // empty
		err = fmt.Errorf("%w: every socket path is above %d bytes", avanak.ErrInvalid, maxSocketPath)
	}
	return "", "", fmt.Errorf("socket of the store: %w", err)
}

// errNoBinary means that the machine has no server that we could run.
var errNoBinary = errors.New("no redis-server or valkey-server in PATH")

// findBinary returns the path of the server. A name that the operator gave must exist.
func findBinary(name string) (string, error) {
	if name != "" {
		file, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("redis server: %w", err)
		}
		return file, nil
	}
	for _, known := range []string{"redis-server", "valkey-server"} {
		file, err := exec.LookPath(known)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, exec.ErrNotFound) && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("redis server: %w", err)
		}
	}
	return "", errNoBinary
}
