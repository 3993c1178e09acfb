package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/avanak/avanak"
)

// lockPoll is the time between two looks at a lock that an ending process still holds.
const lockPoll = 20 * time.Millisecond

// locks are the two locks of a directory. A flock belongs to the open file, not to the process: it lasts until every
// descriptor that was inherited from it is closed.
type locks struct {
	gateway *os.File // ours alone (close-on-exec)
	server  *os.File // inherited by the child
}

// lockDir takes both locks. A living gateway is refused at once; the child of a dead one is waited for.
func lockDir(ctx context.Context, cfg Config) (*locks, error) {
	gateway, err := openLock(cfg.Dir, "gateway.lock")
	if err != nil {
		return nil, err
	}
	if err := tryLock(gateway); err != nil {
		holder := lockHolder(gateway)
		_ = gateway.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", cfg.Dir, err)
		}
		return nil, fmt.Errorf("lock %s: %w: another gateway (process %s) uses this directory: stop it, or give this one a "+
			"directory of its own", cfg.Dir, avanak.ErrConflict, holder)
	}
	server, err := openLock(cfg.Dir, "server.lock")
	if err != nil {
		_ = gateway.Close()
		return nil, err
	}
	l := &locks{gateway: gateway, server: server}
	if err := l.awaitServer(ctx, cfg); err != nil {
		l.release()
		return nil, err
	}
	if err := noteHolder(gateway, os.Getpid()); err != nil {
		l.release()
		return nil, fmt.Errorf("lock %s: %w", cfg.Dir, err)
	}
	return l, nil
}

// awaitServer waits until no server of an earlier gateway is left.
func (l *locks) awaitServer(ctx context.Context, cfg Config) error {
	ctx, cancel := context.WithTimeout(ctx, cfg.LockWait)
	defer cancel()
	poll := time.NewTicker(lockPoll)
	defer poll.Stop()
	for told := false; ; {
		err := tryLock(l.server)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", cfg.Dir, err)
		}
		if !told {
			told = true
			cfg.Logger.Info("wait for the server of an earlier gateway to end", "dir", cfg.Dir, "pid", lockHolder(l.server))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lock %s: %w: the redis server (process %s) of an earlier gateway still runs after %s: end "+
				"that process", cfg.Dir, avanak.ErrConflict, lockHolder(l.server), cfg.LockWait)
		case <-poll.C:
		}
	}
}

// release lets go of both locks; the server's lasts as long as a child that inherited it.
func (l *locks) release() {
	_ = l.server.Close()
	_ = l.gateway.Close()
}

func openLock(dir, name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	return f, nil
}

func tryLock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// noteHolder writes a process id into a lock file, for the people who read the refusals. It decides nothing.
func noteHolder(f *os.File, pid int) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(pid)+"\n"), 0)
	return err
}

func lockHolder(f *os.File) string {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 20))
	pid := strings.TrimSpace(string(b))
	if _, bad := strconv.Atoi(pid); err != nil || bad != nil {
		return "unknown"
	}
	return pid
}
