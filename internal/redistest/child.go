package redistest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// child is one process of the server.
type child struct {
	cmd   *exec.Cmd
	pid   int
	ended chan struct{} // closed by the goroutine that reaps the process
}

// startChild forks the server from a goroutine that keeps its thread until the process has ended: Pdeathsig is sent when
// the forking thread ends, not when the process does (prctl(2), PR_SET_PDEATHSIG).
func startChild(binary, dir string, args []string) (*child, error) {
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	//nolint:gosec,noctx // the binary comes from PATH; the test's cleanup ends it, also where the test's context is over
	c := &child{cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = dir, log, log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(c.ended)
		err := c.cmd.Start()
		_ = log.Close() // the process has its own copy
		started <- err
		if err == nil {
			_ = c.cmd.Wait() // how it ended stands in its log
		}
	}()
	if err := <-started; err != nil {
		<-c.ended
		return nil, err
	}
	c.pid = c.cmd.Process.Pid
	return c, nil
}

// kill ends the process at once and waits for it.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // an error means that it has ended already
	<-c.ended
}

// terminate asks the process to end, and kills it where it takes longer than limit. It tells whether asking was enough.
func (c *child) terminate(limit time.Duration) bool {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended already
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.ended:
		return true
	case <-timer.C:
		c.kill()
		return false
	}
}
