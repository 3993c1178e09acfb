package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/cmd/avanak/console"
)

// defaultKeyFile is where a gateway that was started in this directory leaves its operator's key.
const defaultKeyFile = "avanak-data/operator.key"

// maxKeyFile bounds what is read of a key file, bytes.
const maxKeyFile = 4096

// Remote is how a command reaches a gateway, and how it prints what it learns. (Exported for kong, which fills it in.)
type Remote struct {
	URL     string `env:"AVANAK_URL" default:"http://127.0.0.1:8080" help:"The gateway's address (${env})."`
	KeyFile string `env:"AVANAK_KEY_FILE" placeholder:"FILE" help:"File with the API key; without it the key is AVANAK_API_KEY, or else that in ./avanak-data/operator.key."`
	JSON    bool   `name:"json" help:"Print JSON for programs."`
}

// open returns a client; the caller closes it.
func (r Remote) open() (*client.Client, error) {
	key, err := r.key()
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{URL: r.URL, Key: key, Agent: "avanak/" + build().Version})
}

// key finds the API key: the named file, the environment, the file of a gateway that was started here. There is no flag
// for the key itself: command lines are visible to everybody on the machine.
func (r Remote) key() (string, error) {
	if r.KeyFile != "" {
		key, err := readKey(r.KeyFile)
		if err != nil {
			return "", refuse("read API key: %w", err)
		}
		return key, nil
	}
	if key := strings.TrimSpace(os.Getenv("AVANAK_API_KEY")); key != "" {
		return key, nil
	}
	key, err := readKey(defaultKeyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", refuse("no API key: set AVANAK_API_KEY or give --key-file (avanak serve leaves one in ./%s)", defaultKeyFile)
	case err != nil:
		return "", refuse("read API key: %w", err)
	}
	return key, nil
}

func readKey(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(b))
	if key == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return key, nil
}

// input opens a file to send, "-" being standard input.
func input(con *console.Console, path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(con.In), nil
	}
	f, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return nil, refuse("%w", err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		_ = f.Close()
		return nil, refuse("%s is a directory", path)
	}
	return f, nil
}
