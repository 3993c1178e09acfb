package locate_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/avanak/avanak/sip/locate"
)

// carrier is a Resolver that knows one carrier.
type carrier struct{}

func (carrier) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	return "_" + service + "._" + proto + "." + name, []*net.SRV{
		{Target: "backup.carrier.example.", Port: 5060, Priority: 20},
		{Target: "sbc.carrier.example.", Port: 5070, Priority: 10},
	}, nil
}

func (carrier) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if host == "sbc.carrier.example." {
		return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
	}
	return []netip.Addr{netip.MustParseAddr("192.0.2.2")}, nil
}

func ExampleLocator_Places() {
	l, err := locate.New(locate.Config{Targets: []string{"carrier.example", "198.51.100.9"}, Resolver: carrier{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	places, err := l.Places(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range places {
		fmt.Printf("%s %s %q\n", p.Addr, p.Host, p.Via)
	}
	fmt.Println(l.Known(netip.MustParseAddr("192.0.2.2")), l.Known(netip.MustParseAddr("203.0.113.1")))
	// Output:
	// 192.0.2.1:5070 carrier.example "sbc.carrier.example"
	// 192.0.2.2:5060 carrier.example "backup.carrier.example"
	// 198.51.100.9:5060 198.51.100.9 ""
	// true false
}
