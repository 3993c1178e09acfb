package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clearEnv takes the gateway's variables out of the environment for this test.
func clearEnv(t *testing.T) {
	t.Helper()
	for _, o := range overrides {
		t.Setenv(o.name, "") // so that it is restored
		require.NoError(t, os.Unsetenv(o.name))
	}
}

// mistakes are the files of testdata, each named by the mistake that it holds, with the text behind "testdata/NAME.yaml:".
var mistakes = []struct{ file, want string }{
	{"anchor", `1: http: invalid: anchors, aliases and tags have no use here`},
	{"bad_indentation", `3: value is not allowed in this context`},
	{"bad_log_format", `2: log.format: invalid: must be text or json`},
	{"bad_log_level", `2: log.level: invalid: must be debug, info, warn or error`},
	{"bad_node", `1: node: invalid: node must be 1 to 64 letters, digits, '-' or '.'`},
	{"bad_number_format", `2: trunks[0]: invalid: trunk carrier: number_format must be one of e164, national, international, digits`},
	{"bad_target", `2: trunks[0]: invalid: trunk carrier: target "192.0.2.10:sip" must be host or host:port`},
	{"cps_nan", `5: trunks[0].cps: invalid: must be a number`},
	{"data_outside", `1: data: invalid: must be a directory`},
	{"drain_too_long", `2: dispatcher.drain: invalid: drain must be 0s to 1h0m0s`},
	{"duplicate_trunk_name", `8: trunks[1].name: invalid: two trunks are named carrier`},
	{"redial_too_short", `2: dispatcher.redial: invalid: must be 1s to 1h`},
	{"duration_without_unit", `2: dispatcher.drain: invalid: must be a duration such as 500ms, 30s or 2m`},
	{"emergency_caller", `7: trunks[0].callers[0]: invalid number: emergency and short codes are never called`},
	{"first_response_too_long", `8: trunks[0].first_response: invalid: must be 100ms to 30s`},
	{"fraction_of_a_channel", `6: trunks[0].channels: invalid: must be a whole number`},
	{"key_twice", `2: mapping key "sandbox" already defined at [1:1]`},
	{"listen_by_name", `2: http.listen: invalid: must be ip:port`},
	{"listen_port_too_large", `2: admin.listen: invalid: must be ip:port`},
	{"missing_advertise_media", `2: trunks[0].advertise_media: invalid: say which IP address the carrier reaches, or bind rtp to one`},
	{"missing_callers", `2: trunks[0].callers: invalid: name at least one caller number that the carrier granted`},
	{"missing_target", `2: trunks[0]: invalid: trunk carrier: target "" must be host or host:port`},
	{"negative_cps", `5: trunks[0].cps: invalid: must be 0.1 to 10000`},
	{"negative_lead_in", `2: media.lead_in: invalid: must be 0s to 10s`},
	{"not_a_bool", `2: redis.require_durable: invalid: must be true or false`},
	{"overlapping_rtp_ranges", `10: trunks[1].rtp: invalid: its ports overlap with those of trunk carrier`},
	{"overlapping_rtp_wildcard", `10: trunks[1].rtp: invalid: its ports overlap with those of trunk carrier`},
	{"port_too_large", `4: trunks[0].rtp.max: invalid: must be 0 to 65535`},
	{"production_without_trunk", ` trunks: invalid: env: production needs a trunk; the sandbox trunk calls nobody`},
	{"rtp_range_odd_edges", `4: trunks[0].rtp: invalid: 99 port pairs do not carry 100 channels and the 50 ports that rest after their calls`},
	{"rtp_range_reversed", `4: trunks[0].rtp: invalid: rtp ports 10199 to 10000 must hold an even port and the odd one above it`},
	{"rtp_range_too_small", `4: trunks[0].rtp: invalid: 99 port pairs do not carry 100 channels and the 50 ports that rest after their calls`},
	{"rtp_range_without_pair", `4: trunks[0].rtp: invalid: rtp ports 10001 to 10002 must hold an even port and the odd one above it`},
	{"sandbox_without_channels", `2: sandbox: invalid: trunk sandbox: channels must be 1 to 100000`},
	{"secret_in_bad_url", `2: redis.url: invalid: must look like redis://host:6379/0, rediss://… or unix:///path`},
	{"secret_in_bad_yaml", `2: mapping value is not allowed in this context`},
	{"secret_in_list", `2: redis.url: invalid: must be text`},
	{"secret_in_wrong_key", `2: redis.require_durable: invalid: must be true or false`},
	{"secret_in_wrong_place", `1: redis: invalid: must be a section of keys`},
	{"section_for_list", `2: trunks: invalid: must be a list`},
	{"tab", "2: found character '\t' that cannot start any token"},
	{"trunk_named_sandbox", `2: trunks[0].name: invalid: sandbox is the name of the built-in trunk`},
	{"trunk_without_name", `2: trunks[0].name: invalid: a trunk needs a name`},
	{"two_documents", `3: a configuration is one YAML document`},
	{"unclosed_bracket", `1: sequence end token ']' not found`},
	{"unknown_env", `1: env: invalid: must be development or production`},
	{"unknown_section", `2: unknown key "htpp"`},
	{"unknown_trunk_key", `8: unknown key "trunks[0].chanels"`},
	{"unquoted_number", `7: trunks[0].callers[0]: invalid: must be text: write it in quotes`},
	{"unspecified_advertise_media", `8: trunks[0].advertise_media: invalid: must be the IP address that the carrier sends media to`},
	{"value_for_section", `1: http: invalid: must be a section of keys`},
}

func TestMistakeIsOneLineWithFileLineAndKey(t *testing.T) {
	clearEnv(t)
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	require.Len(t, mistakes, len(files), "each file has its line here")
	for _, tt := range mistakes {
		t.Run(tt.file, func(t *testing.T) {
			path := "testdata/" + tt.file + ".yaml"
			c, err := Load(path)
			require.EqualError(t, err, path+":"+tt.want)
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "hunter2")
			require.Equal(t, Config{}, c)
		})
	}
}

func TestUnreadableFileIsNamed(t *testing.T) {
	clearEnv(t)
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	require.NoError(t, os.WriteFile(large, []byte(strings.Repeat("#\n", maxFile/2+1)), 0o600))
	for name, tt := range map[string]struct{ path, want string }{
		"missing":   {filepath.Join(dir, "none.yaml"), "configuration: open " + dir + "/none.yaml: no such file or directory"},
		"directory": {dir, "configuration: read " + dir + ": is a directory"},
		"too large": {large, "configuration: " + large + " is larger than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(tt.path)
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestWhatTheFileLeavesOutKeepsItsDefault(t *testing.T) {
	clearEnv(t)
	info := Default()
	info.Log.Level = "warn"
	for name, tt := range map[string]struct {
		text string
		want Config
	}{
		"no file":          {"", Default()},
		"empty":            {"", Default()},
		"comments":         {"# nothing\n\n", Default()},
		"document start":   {"---\n", Default()},
		"null":             {"~\n", Default()},
		"empty sections":   {"http:\nlog:\ntrunks:\n", Default()},
		"key without text": {"node:\ndispatcher:\n  drain:\n", Default()},
		"one key":          {"log:\n  level: warn\n", info},
		"flow style":       {"{log: {level: \"warn\"}}", info},
		"document ends":    {"---\nlog:\n  level: warn\n...\n", info},
	} {
		t.Run(name, func(t *testing.T) {
			path := ""
			if name != "no file" {
				path = filepath.Join(t.TempDir(), "avanak.yaml")
				require.NoError(t, os.WriteFile(path, []byte(tt.text), 0o600))
			}
			c, err := Load(path)
			require.NoError(t, err)
			require.Equal(t, tt.want, c)
		})
	}
}

func TestEnvironmentBeatsTheFile(t *testing.T) {
	clearEnv(t)
	path := filepath.Join(t.TempDir(), "avanak.yaml")
	require.NoError(t, os.WriteFile(path, []byte("node: from-file\nlog:\n  level: warn\n"), 0o600))
	for name, value := range map[string]string{"AVANAK_ENV": "development", "AVANAK_NODE": "n-1", "AVANAK_DATA": "/srv/avanak",
		"AVANAK_HTTP_LISTEN": "0.0.0.0:80", "AVANAK_ADMIN_LISTEN": "[::1]:81", "AVANAK_REDIS_URL": "redis://u:hunter2@redis:6379/1",
		"AVANAK_LOG_LEVEL": "debug", "AVANAK_LOG_FORMAT": "json"} {
		t.Setenv(name, value)
	}
	want := Default()
	want.Node, want.Data = "n-1", "/srv/avanak"
	want.HTTP.Listen, want.Admin.Listen = "0.0.0.0:80", "[::1]:81"
	want.Redis.URL, want.Log = "redis://u:hunter2@redis:6379/1", Log{Level: "debug", Format: "json"}
	c, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, want, c)
}

func TestFaultOfTheEnvironmentNamesTheVariable(t *testing.T) {
	for name, tt := range map[string]struct{ value, want string }{
		"AVANAK_ENV":          {"staging", "must be development or production"},
		"AVANAK_NODE":         {"a b", "node must be 1 to 64 letters, digits, '-' or '.'"},
		"AVANAK_DATA":         {"", "must be a directory"},
		"AVANAK_HTTP_LISTEN":  {"8080", "must be ip:port"},
		"AVANAK_ADMIN_LISTEN": {"here:1", "must be ip:port"},
		"AVANAK_REDIS_URL":    {"http://u:hunter2@redis", "must look like redis://host:6379/0, rediss://… or unix:///path"},
		"AVANAK_LOG_LEVEL":    {"loud", "must be debug, info, warn or error"},
		"AVANAK_LOG_FORMAT":   {"xml", "must be text or json"},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			t.Setenv(name, tt.value)
			for _, path := range []string{"", "../deploy/avanak.yaml"} { // which has that key, in another place
				_, err := Load(path)
				require.EqualError(t, err, "environment "+name+": invalid: "+tt.want)
			}
		})
	}
}

func TestTrunkReachesThePartsAsWritten(t *testing.T) {
	trunk := Trunk{Name: "a", Target: "192.0.2.1:5060", Bind: "127.0.0.1:5070", AdvertiseSIP: "198.51.100.7", CPS: 2.5,
		Channels: 9, Callers: []string{"+989120009999", "+989120009998"}, NumberFormat: "national",
		FirstResponse: 3 * time.Second, RTP: RTP{Bind: "127.0.0.1", Min: 10000, Max: 10039}}
	c := Default()
	c.Trunks = []Trunk{trunk}
	require.NoError(t, c.Validate())
	s := trunk.SIPConfig()
	require.Equal(t, []any{"a", "192.0.2.1:5060", "127.0.0.1:5070", "198.51.100.7", "+989120009999", "national", 3 * time.Second},
		[]any{s.Name, s.Targets[0], s.Bind, s.AdvertiseSIP, s.Callers[0], string(s.NumberFormat), s.FirstResponse})
	r, err := trunk.PortRange()
	require.NoError(t, err)
	require.Equal(t, []any{"127.0.0.1", uint16(10000), uint16(10039)}, []any{r.IP.String(), r.Min, r.Max})
	p := trunk.Pace()
	require.Equal(t, []any{"a", 2.5, 9, false}, []any{p.Name, p.CPS, p.Channels, p.Sandbox})
}
