package peers

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wait bounds every wait of a test, on a machine however slow.
const wait = 60 * time.Second

// recorder is a test that notes why it was ended.
type recorder struct {
	testing.TB
	fatal string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatal(args ...any) {
	r.fatal = fmt.Sprint(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

// record runs what ends its test, and returns why.
func record(t *testing.T, run func(testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { // Fatal ends its goroutine
		defer close(done)
		run(r)
	}()
	<-done
	return r.fatal
}

// group returns the processes of a process group that still run.
func group(t *testing.T, id int) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	var found []string
	for _, f := range files {
		stat := read(f) // "" where it has ended meanwhile
		// pid (name) state ppid pgrp: a name may hold anything, parentheses too
		rest := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
		if len(rest) > 2 && rest[2] == strconv.Itoa(id) && rest[0] != "Z" {
			found = append(found, stat)
		}
	}
	return found
}

// kinds are the peers by the name of their program.
var kinds = []string{"sipp", "baresip", "kamailio", "rtpengine"}

// start starts a peer of a kind.
func start(tb testing.TB, kind string) *process {
	tb.Helper()
	switch kind {
	case "sipp":
		return SIPp(tb, "answer").process
	case "baresip":
		return Baresip(tb, "callee").process
	case "kamailio":
		return Kamailio(tb, Route{To: somewhere}).process
	}
	return RTPEngine(tb).process
}

func TestPeerEndsWithItsTest(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			var pid int
			require.True(t, t.Run("inner", func(t *testing.T) {
				pid = start(t, kind).pid
				require.NotEmpty(t, group(t, pid))
			}))
			require.Empty(t, group(t, pid))
		})
	}
}

func TestMissingProgramFailsTheTest(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, kind := range kinds {
		require.Equal(t, kind+" is missing: run make deps", record(t, func(tb testing.TB) {
			tb.Helper()
			start(tb, kind)
		}))
	}
}

func TestScenarioThatIsNotKeptFails(t *testing.T) {
	s := SIPp(t, "answer")
	conn, err := net.Dial("udp4", s.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte(strings.ReplaceAll(`BYE sip:callee@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKstray
From: <sip:a@127.0.0.1>;tag=a
To: <sip:b@127.0.0.1>;tag=b
Call-ID: stray
CSeq: 1 BYE
Content-Length: 0

`, "\n", "\r\n")))
	require.NoError(t, err)
	require.EqualError(t, s.wait(), "exit status 1")
	require.Contains(t, s.process.output(), "unexpected BYE")
}

func TestPeerWhosePortWasTakenIsStartedAgain(t *testing.T) {
	starts := 0
	p := launch(t, blueprint{
		binary: "sh",
		prepare: func(string) []string {
			starts++
			if starts == 1 {
				return []string{"-c", "echo bind: Address already in use; exit 1"}
			}
			return []string{"-c", "echo up; exec sleep 600"}
		},
		ready: func(p *process) bool { return p.log() == "up" },
	})
	require.Equal(t, 2, starts)
	require.False(t, p.over())
}

// A test binary that is killed cleans nothing up; the kernel does.
func TestPeersEndWithAKilledTestBinary(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "-test.run", "^TestHoldPeers$", "-test.v")
	cmd.Env = append(os.Environ(), holdEnv+"=1", "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var pids []int
	for scan := bufio.NewScanner(out); len(pids) < len(kinds) && scan.Scan(); {
		if _, pid, found := strings.Cut(scan.Text(), "held "); found {
			n, err := strconv.Atoi(pid)
			require.NoError(t, err)
			pids = append(pids, n)
			t.Cleanup(func() { _ = syscall.Kill(-n, syscall.SIGKILL) }) // where we fail; else the group is gone
		}
	}
	require.Len(t, pids, len(kinds))
	for _, pid := range pids {
		require.NotEmpty(t, group(t, pid))
	}
	require.NoError(t, cmd.Process.Kill())
	for _, pid := range pids {
		require.Eventually(t, func() bool { return len(group(t, pid)) == 0 }, wait, 10*time.Millisecond)
	}
}

// somewhere is a callee who never hears of anything.
var somewhere = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9")}

// holdEnv turns the test binary into one that holds a peer of each kind until it is killed.
const holdEnv = "AVANAK_HOLD_PEERS"

func TestHoldPeers(t *testing.T) {
	if os.Getenv(holdEnv) == "" {
		return // it is TestPeersEndWithAKilledTestBinary that runs it
	}
	for _, kind := range kinds {
		fmt.Fprintf(os.Stdout, "held %d\n", start(t, kind).pid)
	}
	time.Sleep(wait) // we are killed long before
}
