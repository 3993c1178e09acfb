package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// clearEnv takes the gateway's variables out of the environment for this test.
func clearEnv(t *testing.T) {
	t.Helper()
	for _, o := range overrides {
		t.Setenv(o.name, "") // so that it is restored
		require.NoError(t, os.Unsetenv(o.name))
	}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AVANAK_TRUNK_") {
			t.Setenv(name, "")
			require.NoError(t, os.Unsetenv(name))
		}
	}
}

// mistakes are the files of testdata, each named by the mistake that it holds, with the text behind "testdata/NAME.yaml:".
var mistakes = []struct{ file, want string }{
	{"anchor", `1: http: invalid: anchors, aliases and tags have no use here`},
	{"bad_advertise_sip", `8: trunks[0].advertise_sip: invalid: must be host or host:port`},
	{"bad_asserted", `8: trunks[0].identity.asserted: invalid: must be caller, or a number of 3 to 15 digits`},
	{"bad_bind", `8: trunks[0].bind: invalid: must be ip:port`},
	{"bad_identity_domain", `8: trunks[0].identity.domain: invalid: must be a host name`},
	{"bad_indentation", `3: value is not allowed in this context`},
	{"bad_log_format", `2: log.format: invalid: must be text or json`},
	{"bad_log_level", `2: log.level: invalid: must be debug, info, warn or error`},
	{"bad_media_mode", `8: trunks[0].media_mode: invalid: must be sdp or symmetric_once`},
	{"bad_node", `1: node: invalid: node must be 1 to 64 letters, digits, '-' or '.'`},
	{"bad_number_format", `8: trunks[0].number_format: invalid: must be e164, national, international or digits`},
	{"bad_oversize", `8: trunks[0].oversize: invalid: must be refuse, tcp or fragment`},
	{"bad_register_domain", `8: trunks[0].register.domain: invalid: must be a host name`},
	{"bad_register_user", `8: trunks[0].register.user: invalid: must be letters, digits and -_.+`},
	{"bad_rtp_bind", `4: trunks[0].rtp.bind: invalid: must be an IP address`},
	{"bad_server_name", `9: trunks[0].tls.server_name: invalid: must be a host name`},
	{"bad_source", `8: trunks[0].sources[1]: invalid: must be an IP address or a network such as 192.0.2.0/24, and not everybody's`},
	{"bad_target", `3: trunks[0].targets[0]: invalid: must be host or host:port, of the address family of bind`},
	{"bad_transport", `8: trunks[0].transport: invalid: must be udp, tcp or tls`},
	{"bad_trunk_name", `2: trunks[0].name: invalid: must be 1 to 64 letters, digits, '-', '_' or '.'`},
	{"bad_user_agent", `8: trunks[0].user_agent: invalid: must be at most 128 printable ASCII characters`},
	{"bad_weakest", `10: trunks[0].auth.weakest: invalid: must be md5, sha-256 or sha-512-256`},
	{"caller_with_separators", `7: trunks[0].callers[0]: invalid: must be written as 3 to 15 digits, perhaps after a +`},
	{"cps_nan", `5: trunks[0].cps: invalid: must be a number`},
	{"data_outside", `1: data: invalid: must be a directory`},
	{"drain_too_long", `2: dispatcher.drain: invalid: drain must be 0s to 1h0m0s`},
	{"duplicate_trunk_name", `8: trunks[1].name: invalid: two trunks are named carrier`},
	{"duration_without_unit", `2: dispatcher.drain: invalid: must be a duration such as 500ms, 30s or 2m`},
	{"emergency_caller", `7: trunks[0].callers[0]: invalid number: emergency and short codes are never called`},
	{"first_response_too_long", `8: trunks[0].first_response: invalid: must be 100ms to 30s`},
	{"fraction_of_a_channel", `6: trunks[0].channels: invalid: must be a whole number`},
	{"header_of_ours", `10: trunks[0].headers[1].name: invalid: must be a header that the gateway does not write itself`},
	{"key_twice", `2: mapping key "sandbox" already defined at [1:1]`},
	{"listen_by_name", `2: http.listen: invalid: must be ip:port`},
	{"listen_port_too_large", `2: admin.listen: invalid: must be ip:port`},
	{"missing_advertise_media", `2: trunks[0].advertise_media: invalid: say which IP address the carrier reaches, or bind rtp to one`},
	{"missing_callers", `2: trunks[0].callers: invalid: name at least one caller number that the carrier granted`},
	{"missing_target", `2: trunks[0].targets: invalid: name 1 to 16 addresses of the carrier`},
	{"mtu_too_small", `8: trunks[0].mtu: invalid: must be 576 to 9000`},
	{"negative_cps", `5: trunks[0].cps: invalid: must be 0.1 to 10000`},
	{"negative_lead_in", `2: media.lead_in: invalid: must be 0s to 10s`},
	{"not_a_bool", `2: redis.require_durable: invalid: must be true or false`},
	{"options_negative", `8: trunks[0].options: invalid: must be off, or a duration such as 30s or 2m`},
	{"options_section", `8: trunks[0].options: invalid: must be off, or a duration such as 30s or 2m`},
	{"options_too_long", `8: trunks[0].options: invalid: must be off, or 100ms to 1h`},
	{"options_without_unit", `8: trunks[0].options: invalid: must be off, or a duration such as 30s or 2m`},
	{"overlapping_rtp_ranges", `10: trunks[1].rtp: invalid: its ports overlap with those of trunk carrier`},
	{"overlapping_rtp_wildcard", `10: trunks[1].rtp: invalid: its ports overlap with those of trunk carrier`},
	{"password_file_is_directory", `10: trunks[0].auth.password_file: invalid: must be the path of a file`},
	{"port_too_large", `4: trunks[0].rtp.max: invalid: must be 0 to 65535`},
	{"production_without_trunk", ` trunks: invalid: env: production needs a trunk; the sandbox trunk calls nobody`},
	{"realm_without_username", `8: trunks[0].auth: invalid: needs username`},
	{"redial_too_short", `2: dispatcher.redial: invalid: must be 1s to 1h`},
	{"register_expires_too_long", `8: trunks[0].register.expires: invalid: must be 1s to 24h`},
	{"register_without_user", `8: trunks[0].register: invalid: needs user`},
	{"rtp_range_odd_edges", `4: trunks[0].rtp: invalid: 99 port pairs do not carry 100 channels and the 50 ports that rest after their calls`},
	{"rtp_range_reversed", `4: trunks[0].rtp: invalid: rtp ports 10199 to 10000 must hold an even port and the odd one above it`},
	{"rtp_range_too_small", `4: trunks[0].rtp: invalid: 99 port pairs do not carry 100 channels and the 50 ports that rest after their calls`},
	{"rtp_range_without_pair", `4: trunks[0].rtp: invalid: rtp ports 10001 to 10002 must hold an even port and the odd one above it`},
	{"same_bind", `15: trunks[1].bind: invalid: trunk carrier is bound to that port`},
	{"same_bind_wildcard", `16: trunks[1].bind: invalid: trunk carrier is bound to that port`},
	{"sandbox_without_channels", `2: sandbox: invalid: trunk sandbox: channels must be 1 to 100000`},
	{"secret_beside_auth", `8: trunks[0].password: invalid: a password has no place in this file: put it into a file of its own (auth.password_file) or into the environment (AVANAK_TRUNK_<NAME>_PASSWORD)`},
	{"secret_for_its_file", `10: trunks[0].auth.password_file: invalid: cannot be read: no such file or directory`},
	{"secret_in_bad_url", `2: redis.url: invalid: must look like redis://host:6379/0, rediss://… or unix:///path`},
	{"secret_in_bad_yaml", `2: mapping value is not allowed in this context`},
	{"secret_in_config", `10: trunks[0].auth.password: invalid: a password has no place in this file: put it into a file of its own (auth.password_file) or into the environment (AVANAK_TRUNK_<NAME>_PASSWORD)`},
	{"secret_in_header", `9: trunks[0].headers[0].value: invalid: must be at most 256 printable ASCII characters`},
	{"secret_in_list", `2: redis.url: invalid: must be text`},
	{"secret_in_target", `3: trunks[0].targets[1]: invalid: must be host or host:port, of the address family of bind`},
	{"secret_in_wrong_key", `2: redis.require_durable: invalid: must be true or false`},
	{"secret_in_wrong_place", `1: redis: invalid: must be a section of keys`},
	{"secret_under_dash", `8: unknown key "trunks[0].auth.-"`},
	{"section_for_list", `2: trunks: invalid: must be a list`},
	{"session_too_short", `8: trunks[0].session: invalid: must be off, or 90s to 24h`},
	{"source_everybody", `8: trunks[0].sources[0]: invalid: must be an IP address or a network such as 192.0.2.0/24, and not everybody's`},
	{"tab", "2: found character '\t' that cannot start any token"},
	{"target_for_targets", `3: unknown key "trunks[0].target"`},
	{"target_of_other_family", `3: trunks[0].targets[0]: invalid: must be host or host:port, of the address family of bind`},
	{"tls_ca_file_missing", `10: trunks[0].tls.ca_file: invalid: cannot be read: no such file or directory`},
	{"tls_ca_file_without_certificate", `10: trunks[0].tls.ca_file: invalid: must hold certificates (PEM)`},
	{"tls_certificate_without_key", `9: trunks[0].tls.cert_file: invalid: needs its key_file`},
	{"tls_key_without_certificate", `9: trunks[0].tls.key_file: invalid: needs its cert_file`},
	{"tls_over_udp", `9: trunks[0].tls: invalid: needs transport: tls`},
	{"tls_without_verification", `9: unknown key "trunks[0].tls.verify"`},
	{"too_many_headers", `9: trunks[0].headers: invalid: must be at most 16 headers`},
	{"too_many_targets", `3: trunks[0].targets: invalid: name 1 to 16 addresses of the carrier`},
	{"trunk_named_sandbox", `2: trunks[0].name: invalid: sandbox is the name of the built-in trunk`},
	{"trunk_without_name", `2: trunks[0].name: invalid: a trunk needs a name`},
	{"two_documents", `3: a configuration is one YAML document`},
	{"unclosed_bracket", `1: sequence end token ']' not found`},
	{"unknown_env", `1: env: invalid: must be development or production`},
	{"unknown_header_key", `8: unknown key "trunks[0].headers[0].text"`},
	{"unknown_section", `2: unknown key "htpp"`},
	{"unknown_trunk_key", `8: unknown key "trunks[0].chanels"`},
	{"unquoted_asserted", `8: trunks[0].identity.asserted: invalid: must be text: write it in quotes`},
	{"unquoted_number", `7: trunks[0].callers[0]: invalid: must be text: write it in quotes`},
	{"unspecified_advertise_media", `8: trunks[0].advertise_media: invalid: must be the IP address that the carrier sends media to`},
	{"username_without_password", `8: trunks[0].auth: invalid: needs password_file, or the password in the environment: AVANAK_TRUNK_CARRIER_PASSWORD`},
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
