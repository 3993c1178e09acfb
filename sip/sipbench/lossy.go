package main

import (
	"context"
	"net/netip"
	"time"

	"github.com/avanak/avanak/internal/figures"
	"github.com/avanak/avanak/internal/impair"
)

// impairment puts a bad network in front of a callee: callers call via instead.
type impairment func(target netip.AddrPort) (via netip.AddrPort, closeProxy func(), err error)

// loss5 loses one datagram in twenty, each way.
func loss5(target netip.AddrPort) (netip.AddrPort, func(), error) {
	p, err := impair.New(target, impair.Config{Path: impair.Path{Loss: 0.05}, SIP: true, Seed: 1})
	if err != nil {
		return netip.AddrPort{}, nil, err
	}
	return p.Addr(), p.Close, nil
}

// lossy measures the share of calls that are answered, acknowledged, hung up and done in spite of loss. The talk is long
// enough for an ACK that was lost three times.
func (b *bench) lossy(ctx context.Context) ([]figures.Figure, error) {
	l := load{Rate: 100, Calls: 2000, Talk: 8 * time.Second}
	f, err := figures.Take(figures.Figure{Name: "sip.complete_pct_loss5", Unit: "%", Better: figures.Higher, Goal: 99},
		func() (float64, error) {
			o, err := b.runRole(ctx, "ours", l, loss5)
			return 100 * float64(clean(l.Calls, o.Ended, o.seen(l))) / float64(l.Calls), err
		})
	return []figures.Figure{f}, err
}
