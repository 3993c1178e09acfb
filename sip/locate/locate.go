package locate

import (
	"context"
	"net/netip"
)

type Transport string
type Place struct {
	Addr netip.AddrPort
	Host string
}
type Config struct {
	Targets   []string
	Transport Transport
	IPv6      bool
}
type Locator struct{ p []Place }

func New(c Config) (*Locator, error) {
	a, err := netip.ParseAddrPort(c.Targets[0])
	return &Locator{[]Place{{a, a.Addr().String()}}}, err
}
func (l *Locator) Places(ctx context.Context) ([]Place, error) { return l.p, nil }
func (l *Locator) Known(a netip.Addr) bool                     { return l.p[0].Addr.Addr() == a }
func (l *Locator) Close()                                      {}
