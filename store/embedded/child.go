package embedded

import (
	"bufio"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// child is one process of the server.
type child struct {
	cmd   *exec.Cmd
	pid   int
	log   *childLog
	ended chan struct{} // closed by the goroutine that reaps the process
	err   error         // how it ended, never nil; read after ended
}

// errEnded is how a process ended that nobody made end.
var errEnded = errors.New("exit status 0")

// startChild runs the server. A goroutine forks it and keeps its thread until the process has ended: Pdeathsig is sent when
// the forking thread ends, not when the process does (prctl(2), PR_SET_PDEATHSIG).
func startChild(binary, conf, dir string, lock *os.File, logger *slog.Logger) (*child, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	//nolint:noctx // no context ends it: it outlives the start, and Close asks it to end before it kills it
	c := &child{cmd: exec.Command(binary, conf), log: &childLog{logger: logger, pipe: read}, ended: make(chan struct{})}
	c.cmd.Dir = dir
	c.cmd.Env = []string{"LANG=C"} // our own may hold secrets
	c.cmd.Stdout, c.cmd.Stderr = write, write
	c.cmd.ExtraFiles = []*os.File{lock} // see locks
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		_ = write.Close() // the process has its own copy
		started <- err
		if err == nil {
			if c.err = c.cmd.Wait(); c.err == nil {
				c.err = errEnded
			}
		}
		close(c.ended)
	}()
	if err := <-started; err != nil {
		<-c.ended
		_ = read.Close()
		return nil, err
	}
	c.pid = c.cmd.Process.Pid
	c.log.follow()
	return c, nil
}

// signal asks the process to end or to die; one that has ended is left alone.
func (c *child) signal(sig os.Signal) { _ = c.cmd.Process.Signal(sig) }

// lastWords is how long the log is read on after the end of the process: its own children may keep the pipe open.
const lastWords = 200 * time.Millisecond

// wait returns after the process has ended and all it wrote is logged.
func (c *child) wait() {
	<-c.ended
	_ = c.log.pipe.SetReadDeadline(time.Now().Add(lastWords)) // fails where all is read and the pipe closed
	c.log.reader.Wait()
}

// childLog passes the server's output on and remembers its last lines.
type childLog struct {
	logger *slog.Logger
	pipe   *os.File
	reader sync.WaitGroup

	mu   sync.Mutex
	tail []string // guarded by mu
}

// maxTail bounds the lines that are remembered, maxLine the length of each.
const (
	maxTail = 5
	maxLine = 400
)

// follow reads the output until its end, or until wait sets a limit.
func (l *childLog) follow() {
	l.reader.Go(func() {
		defer func() { _ = l.pipe.Close() }()
		lines := bufio.NewReaderSize(l.pipe, 4096)
		for {
			line, err := lines.ReadSlice('\n')
			if len(line) > 0 {
				l.line(strings.TrimSpace(string(line[:min(len(line), maxLine)])))
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) { // a long line is taken in pieces
				return
			}
		}
	})
}

// line judges one line: the server marks warnings with #, but also its greetings.
func (l *childLog) line(text string) {
	if text == "" {
		return
	}
	l.mu.Lock()
	if len(l.tail) == maxTail {
		l.tail = l.tail[1:]
	}
	l.tail = append(l.tail, text)
	l.mu.Unlock()
	if alarming(text) {
		l.logger.Warn("redis server", "line", text)
		return
	}
	l.logger.Debug("redis server", "line", text)
}

// alarms are in the lines that the operator should see: a truncated or broken AOF above all. A first letter that is not
// always of the same case is left out.
var alarms = []string{"!!!", "runcat", "Bad file format", "atal", "Can't", "Unrecoverable", "Unexpected end of file",
	"rror", "crash"}

func alarming(text string) bool {
	return slices.ContainsFunc(alarms, func(mark string) bool { return strings.Contains(text, mark) })
}

// last returns the last lines that the server wrote.
func (l *childLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.tail, " | ")
}
