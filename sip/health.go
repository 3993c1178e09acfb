package sip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/avanak/avanak"
)

// optionsFactor is how long an answer to OPTIONS may take, in T1: 5 s. That is longer than dialFactor, so that a connection
// that does not come about tells why.
const optionsFactor = 10

// notRegistered precedes why.
const notRegistered = "not registered: "

// health watches the far ends (OPTIONS, RFC 3261 section 11) and the registration, and reports what changes.
type health struct {
	agent *Agent
	kick  chan netip.AddrPort // a target that left an INVITE unanswered: ask it now
	left  chan struct{}       // closed when the registrar was told that we go, or need not be

	turn sync.Mutex // of refresh: a list that was read before another one must not be told after it

	mu         sync.Mutex
	now        avanak.Health       // guarded by mu
	tell       func(avanak.Health) // guarded by mu
	registered bool                // guarded by mu
	refusal    string              // why we are not registered; guarded by mu
}

func newHealth(a *Agent) *health {
	h := &health{agent: a, kick: make(chan netip.AddrPort, maxKnown), left: make(chan struct{})}
	h.now = avanak.Health{Trunk: a.cfg.Name, At: time.Now(), Usable: a.cfg.Register.User == ""}
	if !h.now.Usable {
		h.refusal = "not tried yet"
		h.now.Why = notRegistered + h.refusal
	}
	return h
}

// Health is what is known of the trunk's far ends now.
func (a *Agent) Health() avanak.Health {
	a.health.mu.Lock()
	defer a.health.mu.Unlock()
	return a.health.now
}

// Notify has tell called at every change of the health, one call after the other; tell must not wait. It is called
// once with the health as it is now.
func (a *Agent) Notify(tell func(avanak.Health)) {
	h := a.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tell = tell
	tell(h.now)
}

// start begins the watch over the targets and the registration.
func (h *health) start() {
	a := h.agent
	a.crew.run(h.watch)
	if a.cfg.Register.User == "" {
		close(h.left)
		return
	}
	a.crew.run(func() {
		defer close(h.left)
		defer a.guard("registration")
		a.keepRegistered()
	})
}

// stop waits until the registrar was told that we go, or ctx ends.
func (h *health) stop(ctx context.Context) {
	select {
	case <-h.left:
	case <-ctx.Done():
	}
}

// watch looks at the targets until the Agent drains, and asks them where the trunk has keep-alives. The first look tells
// which there are: a call that one refuses can go to another only where that is known.
func (h *health) watch() {
	a := h.agent
	every, asks := a.cfg.Options, a.cfg.Options > 0
	if !asks {
		every = DefaultOptions
	}
	guarded := func(work func()) { // a fault of ours here must not end the keep-alives
		defer a.guard("health")
		work()
	}
	guarded(func() {
		if _, err := a.find.Places(a.life); err == nil { // a look-up that fails once says little: the calls try it again
			h.refresh()
		}
	})
	pause := func() time.Duration { // shorter by up to a tenth, so that many trunks do not ask at once
		return every - time.Duration(rand.Int64N(int64(every)/10+1)) //nolint:gosec // spreading, not secrecy
	}
	next := time.NewTimer(pause())
	defer next.Stop()
	for {
		select {
		case <-a.drain:
			return
		case addr := <-h.kick: // the round stays due: silence of one target must not hide the others
			if asks {
				guarded(func() { h.askAll(h.kicked(addr)) })
			}
		case <-next.C:
			if asks {
				guarded(h.round)
			} else {
				guarded(h.refresh)
			}
			next.Reset(pause())
		}
	}
}

// kicked lists the targets that wait to be asked at once, first among them, each once.
func (h *health) kicked(first netip.AddrPort) []netip.AddrPort {
	targets := []netip.AddrPort{first}
	for {
		select {
		case addr := <-h.kick:
			if !slices.Contains(targets, addr) {
				targets = append(targets, addr)
			}
		default:
			return targets
		}
	}
}

// round asks all targets.
func (h *health) round() {
	a := h.agent
	places, err := a.find.Places(a.life)
	if err != nil {
		a.log.Warn("targets cannot be looked up", "err", err)
	}
	targets := make([]netip.AddrPort, 0, len(places))
	for _, p := range places {
		targets = append(targets, p.Addr)
	}
	h.askAll(targets)
	h.refresh()
}

// askAll asks targets at the same time and waits for their answers.
func (h *health) askAll(targets []netip.AddrPort) {
	var asked sync.WaitGroup
	for _, addr := range targets {
		asked.Go(func() { h.ask(addr) })
	}
	asked.Wait()
}

// ask sends one OPTIONS. Any response below 500, and 405 or 501 too, is a sign of life: it is the answering that counts.
func (h *health) ask(addr netip.AddrPort) {
	a := h.agent
	defer a.guard("options")
	ctx, cancel := context.WithTimeout(a.life, optionsFactor*sip.T1)
	defer cancel()
	began := time.Now()
	status, err := a.options(ctx, hop{addr, a.cfg.Transport})
	select {
	case <-a.drain: // a socket that is being closed says nothing about the far end
		return
	default:
	}
	var changed bool
	switch {
	case err == nil && (status < 500 || status == 501):
		changed = a.targets.alive(addr, time.Since(began))
	case err == nil:
		changed = a.targets.missed(addr, fmt.Sprintf("OPTIONS answered with %d", status))
	default:
		why := "OPTIONS unanswered"
		if fault, ok := errors.AsType[*transportError](err); ok { // such as a certificate that was refused
			why = fault.reason()
		}
		changed = a.targets.missed(addr, why)
	}
	if changed {
		h.refresh()
	}
}

// options sends OPTIONS and returns the status of its final response.
func (a *Agent) options(ctx context.Context, to hop) (int, error) {
	self := a.self[to.over]
	us := sip.Uri{Scheme: "sip", User: "ping", Host: self.host}
	them := sip.Uri{Scheme: "sip", Host: to.addr.Addr().String(), Port: int(to.addr.Port())}
	req := a.newRequest(sip.OPTIONS, them, a.via(to.over), to)
	them.Port = 0
	callID := sip.CallIDHeader("options-" + sip.GenerateTagN(20))
	req.AppendHeader(&sip.FromHeader{Address: us, Params: sip.HeaderParams{{K: "tag", V: sip.GenerateTagN(16)}}})
	req.AppendHeader(&sip.ToHeader{Address: them})
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: sip.OPTIONS})
	req.AppendHeader(a.contact("ping", to.over))
	req.AppendHeader(sip.NewHeader("Accept", "application/sdp"))
	req.AppendHeader(a.userAgent)
	res, err := a.ask(ctx, enclose(req, nil))
	if err != nil {
		return 0, err
	}
	return res.StatusCode, nil
}

// suspect has a target asked at once that left an INVITE unanswered.
func (h *health) suspect(addr netip.AddrPort) {
	h.agent.targets.doubt(addr)
	select {
	case h.kick <- addr:
	default:
	}
}

// enrolled notes whether the registrar knows us.
func (h *health) enrolled(ok bool, why string) {
	h.mu.Lock()
	h.registered, h.refusal = ok, why
	h.mu.Unlock()
	h.refresh()
}

// refresh works the health out anew and tells about it where it changed.
func (h *health) refresh() {
	a := h.agent
	h.turn.Lock()
	defer h.turn.Unlock()
	list, err := a.targets.list(a.life) // may wait for name servers: Health does not
	h.mu.Lock()
	defer h.mu.Unlock()
	next := avanak.Health{Trunk: a.cfg.Name, At: time.Now(), Targets: list}
	for _, t := range list {
		next.Usable = next.Usable || t.Up
	}
	switch {
	case err != nil:
		next.Why = err.Error()
	case !next.Usable:
		next.Why = errAllDown.Error()
		if len(list) > 0 {
			next.Why += ": " + list[0].Why
		}
	case a.cfg.Register.User != "" && !h.registered:
		next.Usable, next.Why = false, notRegistered+h.refusal
	}
	up := 0
	for _, t := range list {
		if t.Up {
			up++
		}
	}
	a.m.targetsUp.Set(float64(up))
	if same(h.now, next) {
		return
	}
	if h.now.Usable != next.Usable || next.Why != h.now.Why {
		a.log.Warn("trunk health changed", "usable", next.Usable, "why", next.Why, "targets_up", up, "targets", len(list))
	}
	h.now = next
	if h.tell != nil {
		h.tell(next)
	}
}

// same tells whether two states differ in nothing that anybody acts on.
func same(a, b avanak.Health) bool {
	if a.Usable != b.Usable || a.Why != b.Why || len(a.Targets) != len(b.Targets) {
		return false
	}
	for i := range a.Targets {
		if a.Targets[i].Addr != b.Targets[i].Addr || a.Targets[i].Up != b.Targets[i].Up {
			return false
		}
	}
	return true
}
