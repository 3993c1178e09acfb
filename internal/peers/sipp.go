package peers

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// The files in which SIPp says what it did not expect, and what went over the wire.
const (
	sippErrors   = "errors.log"
	sippMessages = "messages.log"
)

// sippTimeout is after how many seconds SIPp gives up; then the scenario has failed.
const sippTimeout = 90

// SIPpUAS is a SIPp that takes calls by a scenario.
type SIPpUAS struct {
	process *process
	addr    netip.AddrPort
}

// SIPp starts a callee by the named scenario of loadtest/scenarios ("busy" is busy.xml there). It takes one call and
// ends; options are SIPp's own and come last, so that they override: "-m", "5" takes five, "-d", "200" sets the length of
// the scenario's pauses in milliseconds, "-rtp_echo" echoes audio.
func SIPp(tb testing.TB, scenario string, options ...string) *SIPpUAS {
	tb.Helper()
	file := scenarioFile(tb, scenario)
	s := &SIPpUAS{}
	var media, control uint16 // they are bound after the SIP port
	s.process = launch(tb, blueprint{
		binary: "sipp",
		prepare: func(string) []string {
			s.addr = netip.AddrPortFrom(loopback, freePort(tb))
			const sockets = 4 // SIPp binds the media port and the one two above it
			media, control = freePorts(tb, sockets), freePort(tb)
			ip := loopback.String()
			return append([]string{"-sf", file, "-i", ip, "-p", number(s.addr.Port()), "-mi", ip, "-mp", number(media),
				"-ci", ip, "-cp", number(control), "-m", "1", "-nostdin", "-timeout", strconv.Itoa(sippTimeout) + "s", "-timeout_error",
				"-trace_err", "-error_file", sippErrors, "-trace_msg", "-message_file", sippMessages}, options...)
		},
		ready: func(p *process) bool { return p.bound(s.addr.Port()) && p.bound(media) && p.bound(control) },
		logs:  []string{sippErrors, sippMessages},
	})
	return s
}

// Addr is where SIPp listens, by UDP.
func (s *SIPpUAS) Addr() netip.AddrPort { return s.addr }

// Wait waits until SIPp has taken all its calls. Where it says that one did not go by the scenario, the test fails and
// shows SIPp's log.
func (s *SIPpUAS) Wait() {
	s.process.tb.Helper()
	if err := s.wait(); err != nil {
		s.process.tb.Fatalf("sipp: scenario failed: %v", err)
	}
}

func (s *SIPpUAS) wait() error {
	const slack = 30 * time.Second
	select {
	case <-s.process.ended:
		return s.process.exit
	case <-time.After(sippTimeout*time.Second + slack):
		return errors.New("it does not end")
	}
}

// scenarioFile finds a scenario: tests run in the directory of their package, somewhere below the module's root.
func scenarioFile(tb testing.TB, name string) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatalf("find scenario: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			tb.Fatal("find scenario: no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(dir, "loadtest", "scenarios", name+".xml")
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("find scenario: %v", err)
	}
	return path
}

func number(port uint16) string { return strconv.Itoa(int(port)) }
