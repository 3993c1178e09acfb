package locate

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTargetIsAnAddressOrAName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]target{
		"192.0.2.1":             {addr: netip.MustParseAddr("192.0.2.1"), host: "192.0.2.1"},
		"192.0.2.1:5070":        {addr: netip.MustParseAddr("192.0.2.1"), host: "192.0.2.1", port: 5070},
		"::ffff:192.0.2.1":      {addr: netip.MustParseAddr("192.0.2.1"), host: "192.0.2.1"},
		"2001:db8::1":           {addr: netip.MustParseAddr("2001:db8::1"), host: "2001:db8::1"},
		"[2001:DB8::1]:5070":    {addr: netip.MustParseAddr("2001:db8::1"), host: "2001:db8::1", port: 5070},
		"sip.example.test":      {host: "sip.example.test", name: "sip.example.test"},
		"sip.example.test.":     {host: "sip.example.test", name: "sip.example.test."},
		"sip.example.test:5070": {host: "sip.example.test", name: "sip.example.test", port: 5070},
		"sbc_1":                 {host: "sbc_1", name: "sbc_1"},
		"4u.example.test":       {host: "4u.example.test", name: "4u.example.test"},
	} {
		t.Run(in, func(t *testing.T) {
			got, err := parseTarget(in)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
	for in, want := range map[string]error{
		"":                        errForm,
		".":                       errForm,
		"a..b":                    errForm,
		"-a.test":                 errForm,
		"a-.test":                 errForm,
		"a b":                     errForm,
		"a\x00b":                  errForm,
		"user@a.test":             errForm,
		"پیام.test":               errForm,
		"192.0.2.256":             errForm,
		"192.0.2":                 errForm,
		"[192.0.2.1]:5060":        errForm,
		"[sip.example.test]:1":    errForm,
		"[2001:db8::1]":           errForm,
		strings.Repeat("a", 64):   errForm,
		strings.Repeat("a.", 128): errForm,
		"sip:a.test":              errPort, // the scheme reads as a host
		"a.test:":                 errPort,
		"a.test:0":                errPort,
		"a.test:+1":               errPort,
		"a.test:65536":            errPort,
		"a.test:1:2":              errPort,
		"192.0.2.1:0":             errPort,
		"0.0.0.0":                 errAddr,
		"239.1.1.1":               errAddr,
		"[ff02::1]:5060":          errAddr,
		"fe80::1%eth0":            errAddr,
		"[fe80::1%eth0]:5060":     errAddr,
	} {
		t.Run("not "+in, func(t *testing.T) {
			_, err := parseTarget(in)
			require.ErrorIs(t, err, want)
		})
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	for what, cfg := range map[string]Config{
		"no target":     {},
		"too many":      {Targets: make([]string, maxTargets+1)},
		"transport":     {Targets: []string{"192.0.2.1"}, Transport: "ws"},
		"other family":  {Targets: []string{"2001:db8::1"}},
		"other family6": {Targets: []string{"192.0.2.1"}, IPv6: true},
		"one bad":       {Targets: []string{"192.0.2.1", "a b"}},
	} {
		t.Run(what, func(t *testing.T) {
			require.Error(t, cfg.Validate())
			_, err := New(cfg)
			require.Error(t, err)
		})
	}
	require.NoError(t, Config{Targets: []string{"192.0.2.1", "sip.example.test"}, Transport: TLS}.Validate())
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "192.0.2.1:5060", "[2001:db8::1]:5061", "2001:db8::1", "::ffff:192.0.2.1", "sip.example.test",
		"sip.example.test.:5060", "a:0", "[a]:1", "fe80::1%eth0", "1.2.3", "", ".", "a..b", "\xff", "_sip._udp.a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTarget(s)
		if err != nil {
			require.Zero(t, got)
			return
		}
		require.NotEqual(t, got.addr.IsValid(), got.name != "", "an address or a name")
		if got.name != "" {
			require.True(t, validName(got.host))
		}
		again, err := parseTarget(got.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}
