package peers

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"text/template"
)

// Route is what a proxy does with the calls that reach it.
type Route struct {
	To        []netip.AddrPort // the callee; several are called at once, and whoever answers (RFC 3261 section 16.7)
	Media     netip.AddrPort   // control address of the RTPEngine that audio takes its way through; zero leaves it alone
	User      string           // credentials that INVITEs must carry, else 407 (RFC 3261 section 22.3); "" asks for none
	Password  string
	Algorithm string // of the challenge: "MD5" (as is "") or "SHA-256" (RFC 8760)
}

// Realm is that of the proxy's challenges.
const Realm = "avanak.test"

// Proxy is a kamailio that stays in the path of the calls that it routes (Record-Route).
type Proxy struct {
	process *process
	addr    netip.AddrPort
}

// Hop is one request that the proxy sent on.
type Hop struct {
	Method   string
	From, To netip.AddrPort
}

// kamailioConfig is kamailio's configuration. It tells each request that leaves in a line of its own, and never a number.
// There is one worker: with more of them a BYE overtakes the ACK before it now and then, and SIPp takes that for a fault
// of ours.
var kamailioConfig = template.Must(template.New("kamailio").Parse(`#!KAMAILIO
debug=1
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:{{.Addr}}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "corex.so"
loadmodule "xlog.so"
{{if .Password}}loadmodule "auth.so"
modparam("auth", "algorithm", "{{.Algorithm}}")
{{end}}{{if .Media.IsValid}}loadmodule "sdpops.so"
loadmodule "rtpengine.so"
modparam("rtpengine", "rtpengine_sock", "udp:{{.Media}}")
{{end}}
request_route {
	if (!mf_process_maxfwd_header("10")) {
		sl_send_reply("483", "Too Many Hops");
		exit;
	}
	if (is_method("CANCEL")) {
		if (t_check_trans()) t_relay();
		exit;
	}
	if (has_totag()) {
		if (!loose_route()) {
			if (is_method("ACK") && t_check_trans()) t_relay();
			else if (!is_method("ACK")) sl_send_reply("404", "Not Here");
			exit;
		}
{{- if .Media.IsValid}}
		if (is_method("BYE")) rtpengine_delete();
{{- end}}
		t_relay();
		exit;
	}
	if (is_method("OPTIONS")) {
		sl_send_reply("200", "OK");
		exit;
	}
	if (!is_method("INVITE")) {
		if (!is_method("ACK")) sl_send_reply("405", "Method Not Allowed");
		exit;
	}
	t_check_trans();
{{- if .Password}}
	if ($au != "{{.User}}" || !pv_proxy_authenticate("{{.Realm}}", "{{.Password}}", "0")) {
		auth_challenge("{{.Realm}}", "1");
		exit;
	}
	consume_credentials();
{{- end}}
	record_route();
{{- if .Media.IsValid}}
	rtpengine_offer("replace-origin replace-session-connection");
{{- end}}
	t_on_reply("ANSWER");
	$rd = "{{.First.Addr}}";
	$rp = "{{.First.Port}}";
{{- range .Others}}
	append_branch("sip:$rU@{{.}}");
{{- end}}
	if (!t_relay()) sl_reply_error();
	exit;
}

onreply_route[ANSWER] {
{{- if .Media.IsValid}}
	if (has_body("application/sdp")) rtpengine_answer("replace-origin replace-session-connection");
{{- else}}
	return;
{{- end}}
}

onsend_route {
	xlog("L_NOTICE", "hop $rm $si:$sp $sndto(ip):$sndto(port)\n");
}
`))

// Kamailio starts a proxy for calls to one callee, or to several at once.
func Kamailio(tb testing.TB, r Route) *Proxy {
	tb.Helper()
	if len(r.To) == 0 {
		tb.Fatal("a proxy without a callee")
	}
	if r.Algorithm == "" {
		r.Algorithm = "MD5"
	}
	p := &Proxy{}
	p.process = launch(tb, blueprint{
		binary: "kamailio",
		prepare: func(dir string) []string {
			p.addr = netip.AddrPortFrom(loopback, freePort(tb))
			var text strings.Builder
			err := kamailioConfig.Execute(&text, struct {
				Route
				Addr, First netip.AddrPort
				Others      []netip.AddrPort
				Realm       string
			}{r, p.addr, r.To[0], r.To[1:], Realm})
			if err != nil {
				tb.Fatalf("write kamailio's configuration: %v", err)
			}
			// Foreground, log to standard error, 32 MB shared and 4 MB private memory, no files outside of dir.
			return []string{"-f", write(tb, dir, "kamailio.cfg", text.String()), "-DD", "-E", "-m", "32", "-M", "4", "-w", dir, "-Y", dir}
		},
		ready:  func(*process) bool { return options(p.addr) },
		orphan: syscall.SIGTERM,
	})
	return p
}

// Addr is where the proxy listens, by UDP.
func (p *Proxy) Addr() netip.AddrPort { return p.addr }

// Hops returns the requests that the proxy has sent on so far, in order.
func (p *Proxy) Hops() []Hop {
	var hops []Hop
	for line := range strings.Lines(p.process.log()) {
		_, text, found := strings.Cut(line, "hop ")
		f := strings.Fields(text)
		if !found || len(f) != 3 {
			continue
		}
		from, err := netip.ParseAddrPort(f[1])
		if err != nil { // of the proxy's own making
			continue
		}
		to, err := netip.ParseAddrPort(f[2])
		if err != nil {
			continue
		}
		hops = append(hops, Hop{Method: f[0], From: from, To: to})
	}
	return hops
}

// options tells whether a SIP element answers OPTIONS (RFC 3261 section 11).
func options(addr netip.AddrPort) bool {
	// rport (RFC 3581) brings the answer to our port, whatever the Via says.
	return strings.HasPrefix(ask(addr, strings.ReplaceAll(fmt.Sprintf(`OPTIONS sip:ready@%[1]s SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bKready
From: <sip:ready@%[1]s>;tag=ready
To: <sip:ready@%[1]s>
Call-ID: ready
CSeq: 1 OPTIONS
Max-Forwards: 70
Content-Length: 0

`, addr), "\n", "\r\n")), "SIP/2.0 200")
}
