package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/avanak/avanak/cmd/avanak/console"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// result is what a command left behind.
type result struct {
	code     int
	out, err string
}

// try runs the program in an empty directory (the test's), with this standard input.
func try(ctx context.Context, stdin string, args ...string) result {
	var out, errs bytes.Buffer
	code := run(ctx, args, console.New(strings.NewReader(stdin), &out, &errs))
	return result{code, out.String(), errs.String()}
}

// at prepares directory and environment for a gateway.
func at(t *testing.T, url string) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("AVANAK_URL", url)
	t.Setenv("AVANAK_API_KEY", fakeKey)
	t.Setenv("AVANAK_KEY_FILE", "")
	t.Setenv("AVANAK_CONFIG", "")
	for name, body := range map[string]string{"hello.wav": "RIFF", "list.csv": "number\n09120000001\n", "list.jsonl": "{}", "broken.csv": "broken"} {
		require.NoError(t, os.WriteFile(name, []byte(body), 0o600))
	}
}

func TestCommands(t *testing.T) {
	g := startFake(t)
	at(t, g.URL)
	const campaignLine = "ID     NAME           RUN      RECIPIENTS  OPEN  ANSWERED"
	for name, tc := range map[string]struct {
		args  string
		stdin string
		asked []string // requests; nil: not looked at
		out   []string // parts of stdout, in order
	}{
		"clip add":       {"clip add hello.wav", "", []string{"POST /v1/clips?name=hello"}, []string{"ID", "clp_1", "hello", "6.42s"}},
		"clip add stdin": {"clip add - --name x", "RIFF", []string{"POST /v1/clips?name=x"}, []string{"clp_1"}},
		"clip add quiet": {"clip add hello.wav --name x -q", "", []string{"POST /v1/clips?name=x"}, []string{"clp_1\n"}},
		"clip list":      {"clip list", "", []string{"GET /v1/clips"}, []string{"NAME", "hello"}},
		"clip list json": {"clip list --json", "", nil, []string{`"id": "clp_1"`}},
		"smallest campaign": {"campaign create --name n --clip clp_1", "",
			[]string{`POST /v1/campaigns {"name":"n","clip":"clp_1"}`}, []string{campaignLine, "cmp_1  evil [2J name  loading"}},
		"whole campaign": {"campaign create --name n --clip clp_1 --recipients list.csv --start --window 07:00-24:00 --zone UTC --days sat,sun" +
			" --caller 02191000000 --max-attempts 2 --retry-busy 3s --retry-no-answer 0s --ring-limit 20s --on-uncertain redial", "",
			[]string{`POST /v1/campaigns {"name":"n","clip":"clp_1","caller":"02191000000","window":{"from":"07:00","to":"24:00","zone":"UTC","days":["sat","sun"]},` +
				`"retry":{"max_attempts":2,"busy":"3s","no_answer":"0s"},"ring_limit":"20s","on_uncertain":"redial"}`,
				"POST /v1/campaigns/cmp_1/recipients", "text/csv number\n09120000001\n", "POST /v1/campaigns/cmp_1/start"},
			[]string{"3 rows: 1 accepted", "line 3: invalid", "running"}},
		"campaign from stdin": {"campaign create --name n --clip clp_1 --recipients - --format ndjson -q", "{}",
			[]string{`POST /v1/campaigns {"name":"n","clip":"clp_1"}`, "POST /v1/campaigns/cmp_1/recipients", "application/x-ndjson {}",
				"GET /v1/campaigns/cmp_1"}, []string{"cmp_1\n"}},
		"campaign load":         {"campaign load cmp_1 list.jsonl", "", []string{"POST /v1/campaigns/cmp_1/recipients", "application/x-ndjson {}"}, []string{"1 recipients now"}},
		"campaign load json":    {"campaign load cmp_1 list.csv --json", "", nil, []string{`"total_rows": 3`}},
		"campaign start":        {"campaign start cmp_1", "", []string{"POST /v1/campaigns/cmp_1/start"}, []string{"running"}},
		"campaign pause":        {"campaign pause cmp_1", "", []string{"POST /v1/campaigns/cmp_1/pause"}, []string{"paused"}},
		"campaign cancel":       {"campaign cancel cmp_1 --json", "", []string{"POST /v1/campaigns/cmp_1/cancel"}, []string{`"run": "cancelled"`}},
		"campaign list":         {"campaign list", "", []string{"GET /v1/campaigns?limit=50", "GET /v1/campaigns?cursor=second&limit=49"}, []string{"cmp_1", "cmp_1"}},
		"campaign list of one":  {"campaign list --limit 1", "", []string{"GET /v1/campaigns?limit=1"}, []string{"cmp_1"}},
		"campaign show":         {"campaign show cmp_1", "", nil, []string{"window", "07:00-23:00 Asia/Tehran", "busy after 3m0s, no answer never", "delivered"}},
		"campaign show json":    {"campaign show cmp_1 --json", "", nil, []string{`"delivered": 10`}},
		"campaign results":      {"campaign results cmp_1", "", []string{"GET /v1/campaigns/cmp_1/results?format=ndjson"}, []string{"ORDINAL", "+989120000001", "completed", "1.5s"}},
		"campaign results csv":  {"campaign results cmp_1 --format csv", "", nil, []string{"ordinal,number\n0,+989120000001\n"}},
		"campaign results json": {"campaign results cmp_1 --json", "", nil, []string{`{"ordinal":0,`}},
		"suppress add":          {"suppress add 09120000001 09120000002", "", []string{`POST /v1/suppressions {"numbers":["09120000001","09120000002"]}`}, []string{"1 added, 1 were"}},
		"suppress remove":       {"suppress remove 09120000001", "", []string{`DELETE /v1/suppressions {"numbers":["09120000001"]}`}, []string{"1 may be called"}},
		"send": {"send --to 09120000001 --clip clp_1 --expires 1m --ring-limit 9s --window 00:00-24:00", "",
			[]string{`POST /v1/messages {"clip":"clp_1","number":"09120000001","window":{"from":"00:00","to":"24:00","zone":"Asia/Tehran"},"ring_limit":"9s","expires_in":"1m0s"}`}, []string{"msg_1", "+98912****01", "pending"}},
		"version":      {"version", "", []string{}, []string{"avanak", "by go1."}},
		"version json": {"version --json", "", []string{}, []string{`"version":`, `"platform":`}},
		"help":         {"--help", "", []string{}, []string{"Usage: avanak", "Exit codes:", "campaign", "check-config"}},
		"help of one":  {"campaign create --help", "", []string{}, []string{"--window", "--retry-busy"}},
		"check-config": {"check-config", "", []string{}, []string{"the default configuration is right"}},
	} {
		t.Run(name, func(t *testing.T) {
			g.requests()
			r := try(t.Context(), tc.stdin, strings.Fields(tc.args)...)
			require.Zero(t, r.code, r.err)
			require.Empty(t, r.err)
			rest := r.out
			for _, part := range tc.out {
				i := strings.Index(rest, part)
				require.GreaterOrEqual(t, i, 0, "%q misses or comes too early in:\n%s", part, r.out)
				rest = rest[i+len(part):]
			}
			require.NotContains(t, r.out, "\x1b")
			if tc.asked != nil {
				require.Equal(t, tc.asked, append([]string{}, g.requests()...))
			}
		})
	}
}

func TestFailuresAreOneLineThatSaysWhatToDo(t *testing.T) {
	g := startFake(t)
	at(t, g.URL)
	for name, tc := range map[string]struct {
		args string
		code int
		says string
	}{
		"no command":           {"", exitRefused, "see: avanak --help"},
		"unknown command":      {"fly", exitRefused, "fly"},
		"unknown flag":         {"clip list --colour", exitRefused, "see: avanak clip list --help"},
		"flag missing":         {"send --to 09120000001", exitRefused, "--clip"},
		"broken duration":      {"send --to 0 --clip c --expires soon", exitRefused, "--expires"},
		"broken window":        {"campaign create --name n --clip c --window 7-23", exitRefused, "08:30"},
		"window without to":    {"campaign create --name n --clip c --window 07:00", exitRefused, "07:00-23:00"},
		"days without window":  {"campaign create --name n --clip c --days sat", exitRefused, "--window"},
		"start without list":   {"campaign create --name n --clip c --start", exitRefused, "--recipients"},
		"no such file":         {"clip add missing.wav", exitRefused, "missing.wav"},
		"a directory":          {"clip add .", exitRefused, "directory"},
		"no such list":         {"campaign create --name n --clip c --recipients missing.csv", exitRefused, "missing.csv"},
		"clip without a name":  {"clip add -", exitRefused, "--name"},
		"no such campaign":     {"campaign show cmp_2", exitRefused, "there is no such thing"},
		"conflict":             {"campaign resume cmp_1", exitRefused, "cannot be resumed"},
		"broken list":          {"campaign create --name n --clip c --recipients broken.csv", exitRefused, "line 1: NUL byte; then: avanak campaign load cmp_1"},
		"no such key file":     {"clip list --key-file missing.key", exitRefused, "missing.key"},
		"bad address":          {"clip list --url ftp://x", exitRefused, "http://127.0.0.1:8080"},
		"nobody there":         {"clip list --url http://127.0.0.1:1", exitUnreachable, "avanak serve"},
		"limit of 0":           {"campaign list --limit 0", exitRefused, "--limit"},
		"no configuration":     {"check-config --config missing.yaml", exitRefused, "missing.yaml"},
		"no server without it": {"serve --config missing.yaml", exitRefused, "missing.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			r := try(t.Context(), "", strings.Fields(tc.args)...)
			require.Equal(t, tc.code, r.code, r.err)
			require.Contains(t, r.err, tc.says)
			require.Equal(t, 1, strings.Count(r.err, "\n"), r.err)
			require.Empty(t, r.out)
		})
	}
}

func TestCheckConfigShowsTrunksWithoutSecrets(t *testing.T) {
	at(t, "")
	t.Setenv("AVANAK_TRUNK_CARRIER_PASSWORD", "hunter2")
	require.NoError(t, os.WriteFile("avanak.yaml", []byte(`trunks:
  - name: carrier
    targets: [192.0.2.10, sip.example.net]
    transport: tcp
    rtp: {bind: 127.0.0.1}
    cps: 10
    channels: 100
    callers: ["+989120009999"]
    auth: {username: operator}
    register: {user: operator}
    headers: [{name: X-Token, value: hunter3}]
`), 0o600))
	r := try(t.Context(), "", "check-config", "--config", "avanak.yaml")
	require.Zero(t, r.code, r.err)
	require.Equal(t, "avanak.yaml is right: development, 1 trunks, api on 127.0.0.1:8080\n"+
		"trunk: carrier to 192.0.2.10, sip.example.net by tcp (10 calls/s, 100 channels, with password, registers)\n", r.out)
	require.NotContains(t, r.out, "hunter")
}

func TestAMissingListLeavesNoCampaign(t *testing.T) {
	g := startFake(t)
	at(t, g.URL)
	try(t.Context(), "", "campaign", "create", "--name", "n", "--clip", "c", "--recipients", "missing.csv")
	require.Empty(t, g.requests())
}

func TestTheGatewaysFaultIsNoUsageError(t *testing.T) {
	g := startFake(t)
	at(t, g.URL)
	g.brokenAt = "POST /v1/campaigns/cmp_1/start"
	r := try(t.Context(), "", "campaign", "create", "--name", "n", "--clip", "c", "--recipients", "list.csv", "--start")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "campaign cmp_1 was made and filled, but: a part that is needed is away; then: avanak campaign start cmp_1")
}

func TestKeys(t *testing.T) {
	g := startFake(t)
	at(t, g.URL)
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(fakeKey+"\n"), 0o600))

	t.Setenv("AVANAK_API_KEY", "avk_live_other")
	r := try(t.Context(), "", "clip", "list")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "AVANAK_API_KEY")
	require.Zero(t, try(t.Context(), "", "clip", "list", "--key-file", file).code, "the flag beats the environment")

	t.Setenv("AVANAK_API_KEY", "")
	r = try(t.Context(), "", "clip", "list")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "no API key")
	require.NoError(t, os.Mkdir("avanak-data", 0o700))
	require.NoError(t, os.WriteFile(defaultKeyFile, []byte(fakeKey), 0o600))
	require.Zero(t, try(t.Context(), "", "clip", "list").code)
	require.NoError(t, os.WriteFile(defaultKeyFile, nil, 0o600))
	require.Contains(t, try(t.Context(), "", "clip", "list").err, "empty")
}

func TestWatchFollowsToTheEnd(t *testing.T) {
	g := startFake(t)
	at(t, g.URL)
	g.overAt = 4
	r := try(t.Context(), "", "campaign", "watch", "cmp_1", "--every", "10ms")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "running · 4/10")
	require.Contains(t, r.out, "done")
	require.Len(t, g.requests(), 4)

	g.looks = 0
	r = try(t.Context(), "", "campaign", "watch", "cmp_1", "--every", "10ms", "--json")
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	require.Len(t, lines, 4, "one object a line")
	for _, line := range lines {
		require.True(t, json.Valid([]byte(line)))
	}
}

func TestWatchCanBeInterrupted(t *testing.T) {
	g := startFake(t)
	at(t, g.URL)
	g.overAt = 1 << 30
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan result)
	go func() { ended <- try(ctx, "", "campaign", "watch", "cmp_1", "--every", "10ms") }()
	require.Eventually(t, func() bool { return len(g.requests()) > 0 }, waitFor, tickEvery)
	cancel()
	r := <-ended
	require.Equal(t, exitInterrupted, r.code)
	require.Equal(t, "avanak: interrupted\n", r.err)
}

func TestSendWait(t *testing.T) {
	g := startFake(t)
	at(t, g.URL)
	r := try(t.Context(), "", "send", "--to", "09120000001", "--clip", "clp_1", "--wait", "--json")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, `"state": "delivered"`)

	g.looks, g.endState = 0, "busy"
	r = try(t.Context(), "", "send", "--to", "09120000001", "--clip", "clp_1", "--wait")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "msg_1 was not delivered: it ended as busy")

	g.looks, g.overAt = 0, 1<<30
	r = try(t.Context(), "", "send", "--to", "09120000001", "--clip", "clp_1", "--wait", "--timeout", "50ms")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "it has not ended within 50ms")
}
