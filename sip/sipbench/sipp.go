package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/avanak/avanak/sip"
)

var (
	//go:embed scenario/uas.xml
	answering string
	//go:embed scenario/uac.xml
	calling string
)

// startLimit bounds the wait until a sipp listens, endLimit that for its end.
const (
	startLimit = 30 * time.Second
	endLimit   = 90 * time.Second
)

// How long a callee still answers a BYE that comes again. On loopback only a process that was held up sends one.
const (
	shortLinger = 4 * time.Second  // as sipp -sn uas
	fullLinger  = 32 * time.Second // 64*T1
)

// counts is what a sipp says of its calls, from the last line of its statistics.
type counts struct {
	Calls     int // that it made or took
	Succeeded int
	Failed    int
	Again     int // retransmissions that it sent
}

// uas is a sipp that answers.
type uas struct {
	cmd   *exec.Cmd
	addr  netip.AddrPort
	stats string
	ended chan struct{} // closed when the process has ended
	err   error         // of the process; read after ended
}

// answer starts a sipp that answers on a port of the kernel's choice and lingers this long after each call.
func (b *bench) answer(ctx context.Context, linger time.Duration) (*uas, error) {
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "uas")
	if err != nil {
		return nil, fmt.Errorf("start sipp: %w", err)
	}
	script := strings.ReplaceAll(answering, "LINGER", strconv.FormatInt(linger.Milliseconds(), 10))
	u := &uas{addr: addr, stats: filepath.Join(dir, "stats.csv"), ended: make(chan struct{})}
	// It is stopped in order, also when we are interrupted: not CommandContext.
	u.cmd, err = sipp(context.WithoutCancel(ctx), dir, script, b.cores[1], "-p", strconv.Itoa(int(addr.Port())))
	if err != nil {
		return nil, err
	}
	if err := u.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start sipp (make deps-bench installs it): %w", err)
	}
	go func() {
		defer close(u.ended)
		u.err = u.cmd.Wait()
	}()
	if err := u.waitReady(ctx); err != nil {
		u.kill()
		return nil, err
	}
	return u, nil
}

// sipp prepares a sipp on one core; its files are in dir.
func sipp(ctx context.Context, dir, script string, core int, args ...string) (*exec.Cmd, error) {
	file := filepath.Join(dir, "scenario.xml")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return nil, fmt.Errorf("start sipp: %w", err)
	}
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", strconv.Itoa(core), "sipp", "-sf", file, //nolint:gosec // the binaries come from PATH
		"-i", "127.0.0.1", "-nostdin", "-buff_size", strconv.Itoa(buffer), "-trace_stat", "-fd", "1",
		"-stf", filepath.Join(dir, "stats.csv"), "-trace_err", "-error_file", filepath.Join(dir, "errors.log")}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd, nil
}

// freePort is one that nobody used a moment ago: sipp takes none that it could name afterwards.
func freePort() (netip.AddrPort, error) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("find a port: %w", err)
	}
	defer func() { _ = conn.Close() }() // nothing was sent
	return netip.ParseAddrPort(conn.LocalAddr().String())
}

// waitReady waits until the kernel lists sipp's socket.
func (u *uas) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	port := fmt.Appendf(nil, ":%04X ", u.addr.Port())
	for {
		if table, err := os.ReadFile("/proc/net/udp"); err == nil && bytes.Contains(table, port) {
			return nil
		}
		select {
		case <-u.ended:
			return fmt.Errorf("sipp does not listen: %w", u.err)
		case <-ctx.Done():
			return fmt.Errorf("sipp does not listen: %w", ctx.Err())
		case <-poll.C:
		}
	}
}

// stop lets sipp end its calls and tells what it counted.
func (u *uas) stop(ctx context.Context) (counts, error) {
	_ = u.cmd.Process.Signal(syscall.SIGUSR1) // an error means that it has ended already
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	select {
	case <-u.ended:
	case <-ctx.Done():
		u.kill()
		return counts{}, fmt.Errorf("sipp does not end: %w", ctx.Err())
	}
	return readCounts(u.stats)
}

func (u *uas) kill() {
	_ = u.cmd.Process.Kill() // an error means that it has ended already
	<-u.ended
}

// call runs a sipp that calls, and returns the CPU that its process used.
func (b *bench) call(ctx context.Context, target netip.AddrPort, l load) (time.Duration, counts, error) {
	dir, err := os.MkdirTemp(b.dir, "uac")
	if err != nil {
		return 0, counts{}, fmt.Errorf("start sipp: %w", err)
	}
	n := strconv.Itoa(l.Calls)
	script := strings.ReplaceAll(calling, "SDP", string(sip.Offer(target.Addr(), 40000, uint64(l.Calls)))) //nolint:gosec // a count
	cmd, err := sipp(ctx, dir, script, b.cores[0], "-m", n, "-l", n, "-r", strconv.Itoa(l.Rate), target.String())
	if err != nil {
		return 0, counts{}, err
	}
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) { // 1: a call failed
		return 0, counts{}, fmt.Errorf("sipp as caller: %w", err)
	}
	c, err := readCounts(filepath.Join(dir, "stats.csv"))
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), c, err
}

// readCounts reads the last line of sipp's statistics: columns with (C) count from the start.
func readCounts(file string) (c counts, err error) {
	text, err := os.ReadFile(file) //nolint:gosec // in our own directory
	if err != nil {
		return c, fmt.Errorf("read sipp's statistics: %w", err)
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord = ';', -1
	rows, err := r.ReadAll()
	if err == nil && len(rows) < 2 {
		err = errors.New("no line")
	}
	if err != nil {
		return c, fmt.Errorf("read sipp's statistics: %w", err)
	}
	last := rows[len(rows)-1]
	for name, field := range map[string]*int{"TotalCallCreated": &c.Calls, "SuccessfulCall(C)": &c.Succeeded,
		"FailedCall(C)": &c.Failed, "Retransmissions(C)": &c.Again} {
		at := slices.Index(rows[0], name)
		if at < 0 || at >= len(last) {
			return c, fmt.Errorf("read sipp's statistics: no %s", name)
		}
		if *field, err = strconv.Atoi(last[at]); err != nil {
			return c, fmt.Errorf("read sipp's statistics: %s: %w", name, err)
		}
	}
	return c, nil
}
