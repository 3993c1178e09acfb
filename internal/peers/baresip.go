package peers

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
)

// Softphone is a baresip that answers by itself and records what it hears.
type Softphone struct {
	process *process
	addr    netip.AddrPort
}

// baresipConfig is baresip's configuration file; %d are the SIP port and the ends of the RTP range. The sound card is the
// bridge to nowhere of module aubridge: ausine wants 48 kHz and resets the call, and a real card there is none. sndfile
// stands in the path of the decoded audio and writes it to snd_path, the working directory.
const baresipConfig = `sip_listen 127.0.0.1:%d
sip_trans_def udp
rtp_ports %d-%d
audio_source aubridge,nil
audio_player aubridge,nil
audio_alert aubridge,nil
snd_path .
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module sndfile.so
module_tmp account.so
module_app menu.so
`

// baresipPorts is the length of baresip's RTP range: it picks pairs in it by chance until two are free.
const baresipPorts = 40

// Baresip starts a softphone whose user part is user: baresip 1.0 answers 404 to others. It takes calls on loopback, but
// audio at the machine's first other address, and without one it does not work at all.
func Baresip(tb testing.TB, user string) *Softphone {
	tb.Helper()
	if !connected(tb) {
		tb.Fatal("baresip needs an IPv4 address beside 127.0.0.1, were it that of a dummy interface")
	}
	s := &Softphone{}
	s.process = launch(tb, blueprint{
		binary: "baresip",
		prepare: func(dir string) []string {
			s.addr = netip.AddrPortFrom(loopback, freePort(tb))
			media := freePorts(tb, baresipPorts)
			write(tb, dir, "config", fmt.Sprintf(baresipConfig, s.addr.Port(), media, media+baresipPorts-1))
			write(tb, dir, "accounts", fmt.Sprintf("<sip:%s@%s>;regint=0;answermode=auto;audio_codecs=pcma/8000/1\n", user, s.addr))
			write(tb, dir, "contacts", "\n")
			return []string{"-4", "-v", "-f", dir}
		},
		ready: func(p *process) bool { return p.bound(s.addr.Port()) },
	})
	return s
}

// Addr is where the softphone listens, by UDP.
func (s *Softphone) Addr() netip.AddrPort { return s.addr }

// Recordings returns the WAV files with what the softphone has heard, one for each call that is over.
func (s *Softphone) Recordings() []string {
	// The pattern is a constant: Glob does not err.
	files, _ := filepath.Glob(filepath.Join(s.process.dir, "dump-*-dec.wav"))
	open := s.process.open()
	return slices.DeleteFunc(files, func(f string) bool { return slices.Contains(open, f) })
}

// connected tells whether the machine has an IPv4 address beside that of loopback.
func connected(tb testing.TB) bool {
	tb.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		tb.Fatalf("look at the machine's addresses: %v", err)
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		ip, err := netip.ParsePrefix(a.String())
		return err == nil && ip.Addr().Is4() && !ip.Addr().IsLoopback()
	})
}
