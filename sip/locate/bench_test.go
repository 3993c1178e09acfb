package locate

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// eight answers with eight services of four addresses.
type eight struct{}

func (eight) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	var records []*net.SRV
	for i := range uint16(8) {
		records = append(records, &net.SRV{Target: fmt.Sprintf("n%d.example.test.", i), Port: 5060 + i, Priority: i / 4, Weight: i})
	}
	return "", records, nil
}

func (eight) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	a := netip.MustParseAddr("192.0.2.1")
	return []netip.Addr{a, a.Next(), a.Next().Next(), a.Next().Next().Next()}, nil
}

func BenchmarkPlaces(b *testing.B) {
	for what, target := range map[string]string{"address": "192.0.2.1", "name": "sip.example.test:5060", "services": name} {
		b.Run(what, func(b *testing.B) {
			l, err := New(Config{Targets: []string{target}, Resolver: eight{}})
			require.NoError(b, err)
			defer l.Close()
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = l.Places(ctx)
			}
		})
	}
}

func BenchmarkKnown(b *testing.B) {
	l, err := New(Config{Targets: []string{"192.0.2.77", name}, Resolver: eight{}})
	require.NoError(b, err)
	defer l.Close()
	_, err = l.Places(b.Context())
	require.NoError(b, err)
	stranger := netip.MustParseAddr("203.0.113.1")
	b.ReportAllocs()
	for b.Loop() {
		_ = l.Known(stranger)
	}
}
