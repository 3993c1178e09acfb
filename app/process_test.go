package app

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/sip/siptest"
)

// wait bounds every wait of a test, on a machine however slow.
const wait = 50 * time.Second

// poll is the time between two looks at a condition.
const poll = 50 * time.Millisecond

// lockedText is text that one goroutine writes and others read.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// process is a gateway in a process of its own.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   lockedText    // what it prints and logs
	ended chan struct{} // closed by the goroutine that reaps it
}

// serve starts the gateway with a configuration file and returns when its doors are open. It never outlives the test
// process: the kernel kills it when the thread that forked it ends.
func serve(t *testing.T, file string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary(t), "serve", "--config", file), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.WaitDelay = time.Second // a redis-server that outlives its gateway for an instant holds the pipe
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.ended)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended stands in ProcessState
		}
	}()
	require.NoError(t, <-started)
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.ended
		if t.Failed() {
			t.Logf("gateway %d said:\n%s", p.cmd.Process.Pid, p.out.String())
		}
		require.NotContains(t, p.out.String(), "9120000", "a number stands in the log")
	})
	require.Eventually(t, func() bool { return p.over() || strings.Contains(p.out.String(), "admin: http") }, wait, poll)
	require.False(t, p.over(), p.out.String())
	return p
}

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // an error means that it has ended

// kill ends the process as a power cut would.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	p.awaitEnd()
}

func (p *process) awaitEnd() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(wait):
		require.FailNow(p.t, "the gateway does not end", p.out.String())
	}
}

// exitCode is that of a process that has ended by itself.
func (p *process) exitCode() int { return p.cmd.ProcessState.ExitCode() }

// said returns the first group of the last match in what the process printed, "" where there is none.
func (p *process) said(pattern string) string {
	found := regexp.MustCompile(pattern).FindAllStringSubmatch(p.out.String(), -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1][1]
}

// metric reads one series from the metrics page, as it is written there; it must exist.
func (p *process) metric(series string) float64 {
	p.t.Helper()
	status, page := get(p.t, p.said(`(?m)^admin: (\S+)`)+"/metrics")
	require.Equal(p.t, http.StatusOK, status)
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(page)
	require.Len(p.t, found, 2, "no series %s", series)
	value, err := strconv.ParseFloat(found[1], 64)
	require.NoError(p.t, err)
	return value
}

// customer is a client of the gateway with the operator's key.
func (p *process) customer() *client.Client {
	p.t.Helper()
	return customer(p.t, p.said(`(?m)^api: (\S+)`), p.said(`(?m)^operator key: (\S+)`))
}

func customer(t *testing.T, url, keyFile string) *client.Client {
	t.Helper()
	key, err := os.ReadFile(keyFile)
	require.NoError(t, err)
	c, err := client.New(client.Config{URL: url, Key: strings.TrimSpace(string(key))})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// settings are what differs between the gateways of these tests.
type settings struct {
	data     string // directory
	redis    string // URL, "" for the embedded store
	target   string // of the one trunk
	cps      float64
	channels int
	trunks   []carrier // in the place of the three
}

// carrier is a trunk of a gateway's.
type carrier struct {
	name     string
	targets  []*siptest.Farm
	cps      float64
	channels int
	more     string // further keys, as a flow mapping's inside
}

// to is a carrier behind farms with pace and room enough for a small campaign.
func to(name string, more string, farms ...*siptest.Farm) carrier {
	return carrier{name: name, targets: farms, cps: 20, channels: 50, more: more}
}

// write puts a configuration into the data directory and returns its path.
func (s settings) write(t *testing.T) string {
	t.Helper()
	text := fmt.Sprintf(`
data: %s
node: test
dispatcher: {redial: 3s}
http: {listen: "127.0.0.1:0"}
admin: {listen: "127.0.0.1:0"}
redis: {url: %q}
log: {level: info}
media: {lead_in: 100ms}
trunks:
`, s.data, s.redis)
	trunk := func(name, targets string, cps float64, channels int, more string) {
		text += fmt.Sprintf("  - {name: %s, targets: [%s], bind: \"127.0.0.1:0\", rtp: {bind: 127.0.0.1}, cps: %g, channels: %d, "+
			"callers: [\"+989120009999\"], %s}\n", name, targets, cps, channels, more)
	}
	if s.trunks == nil {
		trunk("farm", strconv.Quote(s.target), s.cps, s.channels, "")
	}
	for _, c := range s.trunks {
		var targets []string
		for _, farm := range c.targets {
			targets = append(targets, strconv.Quote(farm.Addr().String()))
		}
		trunk(c.name, strings.Join(targets, ", "), c.cps, c.channels, c.more)
	}
	file := filepath.Join(s.data, "avanak.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// eventually polls until ok holds.
func eventually(t *testing.T, ok func() bool, what string) {
	t.Helper()
	require.Eventually(t, ok, wait, poll, what)
}

// bounded is a context for one wait.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	t.Cleanup(cancel)
	return ctx
}
