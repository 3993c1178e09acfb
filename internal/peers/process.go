package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Bounds of what a peer may take, on a machine however slow.
const (
	startTimeout = 60 * time.Second
	endTimeout   = 10 * time.Second
	poll         = 10 * time.Millisecond
	tries        = 5        // starts with other ports
	shown        = 32 << 10 // bytes of a log that a failed test shows
)

// logFile is what a peer writes to its standard output and error, in its directory.
const logFile = "log"

// blueprint is how a peer is started.
type blueprint struct {
	binary string
	// prepare writes what the peer reads into dir, with ports of its own, and returns its arguments.
	prepare func(dir string) []string
	// ready tells whether the peer can be spoken to.
	ready func(p *process) bool
	// logs are the further files, in its directory, that a failed test shows.
	logs []string
	// orphan is what the kernel sends to the peer when the test binary dies; zero means SIGKILL. A peer that forks wants
	// one that it can pass on to its children.
	orphan syscall.Signal
}

// process is a running peer.
type process struct {
	blueprint

	tb    testing.TB
	dir   string
	pid   int
	ended chan struct{} // closed by the goroutine that reaps the process
	exit  error         // how it ended; read after ended
}

// launch starts a peer, with new ports where it says that one was taken, and returns when it is ready.
func launch(tb testing.TB, b blueprint) *process {
	tb.Helper()
	path, err := exec.LookPath(b.binary)
	if err != nil {
		tb.Fatal(b.binary + " is missing: run make deps")
	}
	for try := 1; ; try++ {
		p := &process{blueprint: b, tb: tb, dir: tb.TempDir()}
		err := p.start(path)
		if err == nil {
			tb.Cleanup(func() {
				p.end()
				if tb.Failed() {
					tb.Logf("%s wrote:\n%s", b.binary, p.output())
				}
			})
			return p
		}
		if text := p.output(); try == tries || !strings.Contains(text, taken) {
			tb.Fatalf("start %s: %v\n%s", b.binary, err, text)
		}
	}
}

// taken is what each of the peers says when it ends because somebody else has bound a port between our look and its bind.
const taken = "Address already in use"

// start forks the peer and waits until it is ready. Where it errs no process is left.
func (p *process) start(path string) error {
	if err := p.fork(path); err != nil {
		return err
	}
	timeout, again := time.NewTimer(startTimeout), time.NewTicker(poll)
	defer timeout.Stop()
	defer again.Stop()
	for !p.ready(p) {
		select {
		case <-p.ended:
			return fmt.Errorf("it ended at its start: %w", p.exit)
		case <-timeout.C:
			p.end()
			return fmt.Errorf("it is not ready within %s", startTimeout)
		case <-again.C:
		}
	}
	return nil
}

// fork starts the process from a goroutine that keeps its thread until the process has ended: Pdeathsig is sent when the
// forking thread ends, not when the test binary does (prctl(2), PR_SET_PDEATHSIG).
func (p *process) fork(path string) error {
	log, err := os.Create(filepath.Join(p.dir, logFile))
	if err != nil {
		return err
	}
	//nolint:gosec,noctx // the binary comes from PATH; the test's cleanup ends it, also where the test's context is over
	cmd := exec.Command(path, p.prepare(p.dir)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if p.orphan != 0 {
		cmd.SysProcAttr.Pdeathsig = p.orphan
	}
	p.ended = make(chan struct{})
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.ended)
		err := cmd.Start()
		_ = log.Close() // the process has its own copy
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			p.exit = cmd.Wait()
		}
	}()
	return <-started
}

// end asks the process to end, kills its group, and waits until it is gone.
func (p *process) end() {
	if !p.over() {
		_ = syscall.Kill(p.pid, syscall.SIGTERM) // an error means that it has ended already
		select {
		case <-p.ended:
		case <-time.After(endTimeout):
		}
	}
	_ = syscall.Kill(-p.pid, syscall.SIGKILL) // the group: mostly there is nobody left
	<-p.ended
}

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// log is what the peer has written so far to its output.
func (p *process) log() string { return read(filepath.Join(p.dir, logFile)) }

// output is the end of all that the peer has written so far.
func (p *process) output() string {
	var b strings.Builder
	for _, name := range append([]string{logFile}, p.logs...) {
		text := read(filepath.Join(p.dir, name))
		if len(text) > shown {
			text = "[...] " + text[len(text)-shown:]
		}
		fmt.Fprintf(&b, "--- %s\n%s\n", name, text)
	}
	return b.String()
}

// read returns a file's text, "" where there is none yet.
func read(path string) string {
	b, err := os.ReadFile(path) //nolint:gosec // a file of the peer's own directory
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// write puts a file into a peer's directory.
func write(tb testing.TB, dir, name, text string) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatalf("write for a peer: %v", err)
	}
	return path
}
