package sip

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/emiago/sipgo/sip"
)

// ask sends a request that is no INVITE and waits for its final response, at most 64*T1 (timer F).
func (a *Agent) ask(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	tx, err := a.begin(ctx, req)
	if err != nil {
		return nil, err
	}
	defer tx.Terminate()
	to := hopOf(req)
	beat, rest := a.beat(to.over)
	defer rest()
	for {
		select {
		case <-beat:
			if !a.carries(tx, to) {
				return nil, &transportError{errBroken}
			}
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, tx.Err()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// settle sends a request and waits until its transaction has ended, by the final response or 64*T1 of silence. A
// request that could not leave (the kernel's buffers, a firewall's table) is built and tried again within the same time;
// one that is challenged is sent again with credentials. The response is nil where none came.
func (a *Agent) settle(build func() *sip.Request) *sip.Response {
	giveUp := time.Now().Add(64 * sip.T1)
	x, challenges := a.exchange(), 0
	for pause := sip.T1; ; pause = min(2*pause, sip.T2) {
		req := build()
		if challenges > 0 {
			authorize(x, req, req.Body())
		}
		res, err := a.ask(a.life, req)
		switch {
		case err == nil && challenged(res) && challenges < maxChallenges && a.challenge(x, res) == nil:
			challenges++
			continue
		case err == nil:
			return res
		case !errors.As(err, new(*transportError)) && !errors.Is(err, sip.ErrTransactionTransport), time.Now().After(giveUp):
			return nil
		}
		select {
		case <-a.quit:
			return nil
		case <-time.After(pause):
		}
	}
}

// guard, deferred, keeps a panic to the work in which it arose. (sipgo has no recover of its own.)
func (a *Agent) guard(doing string) {
	if p := recover(); p != nil {
		a.panicked(doing, p)
	}
}

func (a *Agent) panicked(doing string, p any) {
	a.m.panics.Inc()
	a.log.Error("panic caught", "doing", doing, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
}
