package locate

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	many := make([]dnsmessage.ResourceBody, 500)
	for i := range many {
		many[i] = srv(1, 0, uint16(10_000+i), fmt.Sprintf("n%d.example.test.", i))
	}
	for what, tt := range map[string]struct {
		records []dnsmessage.ResourceBody
		want    []string
	}{
		"port 0":           {[]dnsmessage.ResourceBody{srv(1, 1, 0, "sbc.example.test."), srv(2, 1, 5060, "sbc.example.test.")}, []string{"192.0.2.1:5060"}},
		"only port 0":      {[]dnsmessage.ResourceBody{srv(1, 1, 0, "sbc.example.test.")}, nil},
		"odd bytes":        {[]dnsmessage.ResourceBody{srv(1, 1, 5060, "s b\x00c\r\n.example.test."), srv(2, 1, 5061, "sbc.example.test.")}, []string{"192.0.2.1:5061"}},
		"only odd bytes":   {[]dnsmessage.ResourceBody{srv(1, 1, 5060, "\xff\x00.test.")}, nil},
		"address as name":  {[]dnsmessage.ResourceBody{srv(1, 1, 5060, "192.0.2.77."), srv(2, 1, 5061, "sbc.example.test.")}, []string{"192.0.2.1:5061"}},
		"root beside real": {[]dnsmessage.ResourceBody{srv(0, 0, 5060, "."), srv(2, 1, 5061, "sbc.example.test.")}, []string{"192.0.2.1:5061"}},
		"the same twice":   {[]dnsmessage.ResourceBody{srv(1, 1, 5060, "sbc.example.test."), srv(1, 1, 5060, "SBC.example.test.")}, []string{"192.0.2.1:5060"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Config{Targets: []string{name}})
			r.dns.a("sbc.example.test.", "192.0.2.1")
			r.dns.a("SBC.example.test.", "192.0.2.1")
			r.dns.a(name+".", "192.0.2.80")
			r.dns.set(srvOfUDP, reply{records: tt.records})
			if tt.want == nil {
				_, err := r.Places(t.Context())
				require.ErrorIs(t, err, ErrNowhere)
				return
			}
			require.Equal(t, tt.want, r.addrs())
		})
	}
	t.Run("500 records", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, Config{Targets: []string{name}})
		r.dns.set(srvOfUDP, reply{records: many})
		for i := range many {
			r.dns.a(fmt.Sprintf("n%d.example.test.", i), fmt.Sprintf("198.51.%d.%d", 100+i/250, i%250))
		}
		require.Len(t, r.addrs(), maxPlaces)
		require.EqualValues(t, maxServices, r.ask.ip.Load())
	})
	t.Run("many addresses", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, Config{Targets: []string{name, "192.0.2.9"}})
		var list []string
		for i := range 200 {
			list = append(list, fmt.Sprintf("198.51.100.%d", i))
		}
		r.dns.a(name+".", list...)
		require.Len(t, r.addrs(), maxPlaces)
	})
}

// Resolvers other than net.Resolver may let through what it filters.
func TestServicesAreCheckedAgain(t *testing.T) {
	t.Parallel()
	found, absent := services([]*net.SRV{nil, {Target: "a b.", Port: 1}, {Target: "192.0.2.1.", Port: 1}, {Target: "ok.test", Port: 0},
		{Target: "ok.test", Port: 7}, {Target: "."}, {Target: ""}})
	require.False(t, absent, "one is offered")
	require.Equal(t, []service{{name: "ok.test.", via: "ok.test", port: 7}}, found)
	_, absent = services([]*net.SRV{{Target: ""}})
	require.True(t, absent)
}

// Answers that name other addresses each time must not fill the memory.
func TestMemoryOfAddressesIsBounded(t *testing.T) {
	t.Parallel()
	s := &source{}
	addr, now := netip.MustParseAddr("10.0.0.0"), newRig(t, Config{Targets: []string{name}}).now()
	for range 3 * maxKnown / maxPlaces {
		o := option{got: now}
		for range maxPlaces {
			addr = addr.Next()
			o.addrs = append(o.addrs, addr)
		}
		s.learn(answer{options: []option{o}, got: now}, now)
		require.Contains(t, s.known, addr)
		require.LessOrEqual(t, len(s.known), maxKnown+maxPlaces)
	}
}
