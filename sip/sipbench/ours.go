package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/avanak/avanak/sip"
)

// callee is called by every caller; people have no such number.
const callee = 98_912_000_0001

// answerTime is below the 32 s (64*T1) after which a BYE counts as ended though nobody answered it.
const answerTime = 30 * time.Second

// ours calls through package sip.
type ours struct{ agent *sip.Agent }

func newOurs(ctx context.Context, target netip.AddrPort) (caller, error) {
	cfg := sip.DefaultConfig()
	cfg.Name, cfg.Targets, cfg.Bind, cfg.Callers = "bench", []string{target.String()}, "127.0.0.1:0", []string{"02191000000"}
	cfg.Options = -1 // the callee answers calls only
	agent, err := sip.New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	return ours{agent}, agent.Start(ctx)
}

func (o ours) place(ctx context.Context) (answered, error) {
	id, n := nextCall()
	res := o.agent.Invite(ctx, sip.Invite{CallID: id, To: callee, RingLimit: callTime,
		SDP: sip.Offer(o.agent.Addr().Addr(), 40000, n)})
	if res.End != sip.Answered {
		return nil, fmt.Errorf("invite: %s %d", res.End, res.Status)
	}
	return ourCall{res.Call}, nil
}

func (o ours) close(ctx context.Context) error { return o.agent.Close(ctx) }

type ourCall struct{ call *sip.Call }

func (c ourCall) over() bool {
	select {
	case <-c.call.Done():
		return true
	default:
		return false
	}
}

func (c ourCall) hangup(ctx context.Context) error {
	begin := time.Now()
	switch err := c.call.Hangup(ctx, sip.CauseNormal); {
	case err != nil, time.Since(begin) > answerTime:
		return errors.New("bye: no answer")
	}
	return nil
}

// placed counts the calls of this process.
var placed atomic.Uint64

// nextCall numbers a call. Its Call-ID has the length of those that the gateway makes; no callee sees one twice.
func nextCall() (id string, n uint64) {
	n = placed.Add(1)
	return fmt.Sprintf("cmp_%026d-%d-1", os.Getpid(), n), n
}
