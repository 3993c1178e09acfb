package client

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// watchdog ends a request that stands still: every byte that moves starts its time anew.
type watchdog struct {
	idle   time.Duration
	timer  *time.Timer
	fired  atomic.Bool
	cancel context.CancelFunc
}

// watch returns a context that ends after idle without a pat, or with ctx, or with stop.
func watch(ctx context.Context, idle time.Duration) (context.Context, *watchdog) {
	watched, cancel := context.WithCancel(ctx)
	d := &watchdog{idle: idle, cancel: cancel}
	d.timer = time.AfterFunc(idle, func() {
		d.fired.Store(true)
		cancel()
	})
	return watched, d
}

func (d *watchdog) pat() { d.timer.Reset(d.idle) }

func (d *watchdog) barked() bool { return d.fired.Load() }

func (d *watchdog) stop() {
	d.timer.Stop()
	d.cancel()
}

// reader pats the watchdog at every byte and remembers its source's error: the transport reports both as its own.
type reader struct {
	src io.Reader
	dog *watchdog

	mu  sync.Mutex
	err error // guarded by mu
}

func (r *reader) Read(b []byte) (int, error) {
	n, err := r.src.Read(b)
	if n > 0 {
		r.dog.pat()
	}
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's contract is the bare io.EOF
		r.mu.Lock()
		r.err = err
		r.mu.Unlock()
	}
	return n, err
}

func (r *reader) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// download is the body of an answer under watch.
type download struct {
	reader
	body io.Closer
}

// Close ends the request.
func (d *download) Close() error {
	d.dog.stop()
	return d.body.Close()
}
