package sip

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/emiago/sipgo/sip"
)

// settle sends a request and waits until its transaction has ended, by the final response or 64*T1 of silence. A
// request that could not leave (the kernel's buffers, a firewall's table) is built and tried again within the same time.
func (a *Agent) settle(build func() *sip.Request) {
	// Not the caller's context: what is under way must be answered for after the caller has gone. Close ends it.
	ctx, cancel := context.WithTimeout(context.Background(), 2*64*sip.T1)
	defer cancel()
	a.crew.run(func() {
		select {
		case <-a.quit:
			cancel()
		case <-ctx.Done():
		}
	})
	giveUp := time.Now().Add(64 * sip.T1)
	for pause := sip.T1; ; pause = min(2*pause, sip.T2) {
		_, err := a.client.Do(ctx, build())
		if err == nil || !errors.Is(err, sip.ErrTransactionTransport) || time.Now().After(giveUp) {
			return
		}
		select {
		case <-a.quit:
			return
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
